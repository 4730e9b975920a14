'use strict';
// Where the packages lie: outside the clone, one folder per package-lock.json, installed once per machine.
// Uses nothing but Node's own modules, because it runs before anything is installed.

const { createHash } = require('node:crypto');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const HERE = path.dirname(__dirname);
const INSTALL_LIMIT_MS = 9 * 60 * 1000;

function hashOf(...files) {
  const hash = createHash('sha256');
  for (const file of files) hash.update(fs.readFileSync(file)).update('\0');
  return hash.digest('hex').slice(0, 16);
}

function cacheRoot() {
  const base = process.env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache');
  return path.join(base, 'defchain', 'clients');
}

/** The folder of the packages that `project`'s lock file names. */
function folder(project = HERE) {
  const files = ['package.json', 'package-lock.json'].map((name) => path.join(project, name));
  return path.join(cacheRoot(), hashOf(...files));
}

/** Whether nothing has to be installed. */
function installed(project = HERE) {
  return fs.existsSync(path.join(folder(project), 'node_modules'));
}

/**
 * Installs what `project`'s package-lock.json says, unless it is there already. Returns the folder. `npm ci` wants
 * every package in the lock file, also those of other systems, which a registry may not have: `verb` can be `install`.
 */
function install(project = HERE, { verb = ['ci'], env = process.env } = {}) {
  const done = folder(project);
  if (installed(project)) return done;
  fs.mkdirSync(cacheRoot(), { recursive: true });
  // Installed aside and renamed: a folder with the final name is always whole, also when two runs install at once.
  const aside = fs.mkdtempSync(path.join(cacheRoot(), 'installing-'));
  try {
    for (const name of ['package.json', 'package-lock.json']) fs.copyFileSync(path.join(project, name), path.join(aside, name));
    const args = [...verb, '--prefix', aside, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    const npm = spawnSync('npm', args, { cwd: aside, env, encoding: 'utf8', timeout: INSTALL_LIMIT_MS });
    if (npm.error?.code === 'ENOENT') throw new Error('npm is missing: install Node.js 20 or later together with npm');
    if (npm.error) throw new Error(`npm ${verb[0]} did not finish: ${npm.error.message}`);
    if (npm.status !== 0) throw new Error(`npm ${verb[0]} failed (${npm.status}); it needs a package registry:\n${short(npm)}`);
    try {
      fs.renameSync(aside, done);
    } catch (error) {
      // Another run was faster.
      if (!fs.existsSync(path.join(done, 'node_modules'))) throw error;
    }
  } finally {
    fs.rmSync(aside, { recursive: true, force: true });
  }
  return done;
}

/** npm's own words without its list of options. */
function short({ stdout, stderr }) {
  return `${stdout}${stderr}`.split('\n').slice(0, 20).join('\n');
}

module.exports = { HERE, folder, installed, install, hashOf };
