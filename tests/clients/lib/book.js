'use strict';
// The snippets of docs/src/tools.md, which the tests run so that they stay true.

const fs = require('node:fs');
const path = require('node:path');

const PAGE = path.join(__dirname, '../../../docs/src/tools.md');
/** Who runs what: a snippet of another kind would never be run. */
const KINDS = {
  docs: ({ language, text }) => ['js', 'json'].includes(language) || (language === 'bash' && !text.includes('forge ')),
  foundry: ({ language, text }) => language === 'toml' || (language === 'bash' && text.includes('forge ')),
  hardhat: ({ language }) => language === 'ts',
};

/** The snippets that `who` runs, against `url` instead of the page's. */
function snippets(who, url) {
  const page = fs.readFileSync(PAGE, 'utf8');
  const found = [...page.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language, text]) => ({ language, text }));
  const nobodys = found.filter((one) => !Object.values(KINDS).some((runs) => runs(one)));
  if (nobodys.length > 0) throw new Error(`no test runs these snippets of tools.md: ${JSON.stringify(nobodys)}`);
  const own = found.filter(KINDS[who]);
  if (own.length === 0) throw new Error(`tools.md has no snippet for ${who}`);
  return own.map(({ language, text }) => ({
    language,
    text: text.replaceAll('http://127.0.0.1:8545', url).replaceAll('ws://127.0.0.1:8545', url.replace(/^http/, 'ws')),
  }));
}

module.exports = { snippets };
