#!/usr/bin/env node
'use strict';
// The compiler of the npm package `solc` with the two options of the native one that forge uses.

const fs = require('node:fs');
const solc = require('solc');

if (process.argv.includes('--version')) {
  console.log(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}`);
} else if (process.argv.includes('--standard-json')) {
  fs.writeSync(1, solc.compile(fs.readFileSync(0, 'utf8')));
} else {
  console.error('solc.js knows --version and --standard-json');
  process.exit(1);
}
