'use strict';
// A project ready to run, outside the clone: its packages as its lock file says, and beside them a copy of its files,
// compiled. One folder per content, so that a change is another folder and an old one is never half right.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { hashOf, install, installed } = require('../../clients/lib/cache.js');

const HERE = path.dirname(__dirname);
const BUILD_LIMIT_MS = 5 * 60 * 1000;
/** The oldest Node.js that Hardhat 3 takes. */
const HARDHAT_NODE = [22, 13];
/** What tools write into a project's folder. */
const GENERATED = new Set(['artifacts', 'cache', 'types', 'out', 'broadcast', 'node_modules', 'deployments']);

function newEnough() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  return major > HARDHAT_NODE[0] || (major === HARDHAT_NODE[0] && minor >= HARDHAT_NODE[1]);
}

/** The environment with a Node.js that is new enough for Hardhat: this one, or the one of the npm package. */
function nodeForHardhat() {
  if (newEnough()) return process.env;
  const name = `node-${process.platform}-${process.arch}`;
  const bin = path.join(install(path.join(HERE, 'node')), 'node_modules', name, 'bin');
  if (!fs.existsSync(path.join(bin, 'node'))) {
    throw new Error(`Hardhat needs Node.js ${HARDHAT_NODE.join('.')} or newer; this is ${process.versions.node}, and there is no npm package ${name}: install a newer Node.js`);
  }
  return { ...process.env, PATH: `${bin}${path.delimiter}${process.env.PATH}` };
}

const PROJECTS = {
  hardhat: {
    environment: () => ({ ...nodeForHardhat(), HARDHAT_DISABLE_TELEMETRY_PROMPT: 'true', HARDHAT_IGNITION_CONFIRM_DEPLOYMENT: 'true' }),
    verb: ['install', '--no-save'],
    tools: () => ({ hardhat: ['node', 'node_modules/hardhat/dist/src/cli.js'] }),
    build: ['hardhat', 'build'],
  },
  foundry: {
    environment: () => ({ ...process.env, FOUNDRY_DISABLE_NIGHTLY_WARNING: '1' }),
    verb: ['ci'],
    tools: () => ({ forge: [binary('FORGE', 'forge')], cast: [binary('CAST', 'cast')] }),
    build: ['forge', 'build', '--quiet'],
  },
};

/** One of Foundry's programs: named by the environment, or from its npm package. */
function binary(variable, name) {
  return process.env[variable] ?? `node_modules/@foundry-rs/${name}-linux-amd64/bin/${name}`;
}

function files(folder) {
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (GENERATED.has(entry.name)) return [];
    const file = path.join(folder, entry.name);
    // A link to a folder counts as that folder.
    return fs.statSync(file).isDirectory() ? files(file) : [file];
  }).sort();
}

/** Whether `prepare` needs no registry. */
function ready(name) {
  if (name !== 'hardhat') return installed(path.join(HERE, name));
  return installed(path.join(HERE, name)) && (newEnough() || installed(path.join(HERE, 'node')));
}

/** Installs, copies and compiles what is not there yet. Returns `call(tool, ...args)`, which gives a process's options. */
function prepare(name) {
  const source = path.join(HERE, name);
  const { environment, verb, tools, build } = PROJECTS[name];
  const env = environment();
  const packages = install(source, { verb, env });
  const all = files(source);
  const done = path.join(packages, `project-${hashOf(...all)}`);
  const at = (folder) => (tool, ...args) => {
    const [program, ...first] = tools()[tool];
    const file = program.startsWith('node_modules') ? path.join(folder, program) : program;
    return { file, args: [...first, ...args], options: { cwd: folder, env } };
  };
  if (fs.existsSync(done)) return { folder: done, call: at(done) };
  // Compiled aside and renamed, as packages are.
  const aside = fs.mkdtempSync(path.join(packages, 'compiling-'));
  try {
    for (const file of all) {
      const copy = path.join(aside, path.relative(source, file));
      fs.mkdirSync(path.dirname(copy), { recursive: true });
      fs.copyFileSync(file, copy);
    }
    fs.symlinkSync('../node_modules', path.join(aside, 'node_modules'));
    const { file, args, options } = at(aside)(...build);
    const run = spawnSync(file, args, { ...options, encoding: 'utf8', timeout: BUILD_LIMIT_MS });
    if (run.error) throw new Error(`${name}: ${build.join(' ')}: ${run.error.message}`);
    if (run.status !== 0) throw new Error(`${name} does not compile:\n${run.stdout}${run.stderr}`);
    try {
      fs.renameSync(aside, done);
    } catch (error) {
      if (!fs.existsSync(done)) throw error;
    }
  } finally {
    fs.rmSync(aside, { recursive: true, force: true });
  }
  return { folder: done, call: at(done) };
}

module.exports = { PROJECTS: Object.keys(PROJECTS), prepare, ready };
