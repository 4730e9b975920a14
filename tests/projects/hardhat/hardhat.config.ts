import { createRequire } from "node:module";

import hardhatToolboxMochaEthers from "@nomicfoundation/hardhat-toolbox-mocha-ethers";
import { defineConfig } from "hardhat/config";

// The compiler comes from the registry like everything else, so nothing is downloaded while building.
const solcjs = createRequire(import.meta.url).resolve("solc/soljson.js");
const url = process.env.RPC_URL ?? "http://127.0.0.1:8545";

export default defineConfig({
  plugins: [hardhatToolboxMochaEthers],
  solidity: {
    version: "0.8.37",
    path: solcjs,
    settings: { optimizer: { enabled: true, runs: 200 } },
    // Contracts that are deployed as they come.
    npmFilesToBuild: [
      "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol",
      "@openzeppelin/contracts/proxy/beacon/BeaconProxy.sol",
      "@openzeppelin/contracts/proxy/beacon/UpgradeableBeacon.sol",
      "@openzeppelin/contracts/proxy/transparent/ProxyAdmin.sol",
      "@openzeppelin/contracts/proxy/transparent/TransparentUpgradeableProxy.sol",
    ],
  },
  networks: {
    // `defchain-app dev`: the node signs for its ten accounts.
    dev: { type: "http", chainType: "l1", url, chainId: 35679 },
    // `cargo xtask up`: the same ten accounts, signed for here.
    localnet: {
      type: "http",
      chainType: "l1",
      url,
      chainId: 35679,
      accounts: { mnemonic: process.env.MNEMONIC ?? "test test test test test test test test test test test junk", count: 10 },
    },
  },
  // A block is final at once.
  ignition: { requiredConfirmations: 1, blockPollingInterval: 200 },
  test: { mocha: { timeout: 60_000 } },
});
