// Who signs, and for which chain.
import { network } from "hardhat";

const { ethers } = await network.create();
const { chainId } = await ethers.provider.getNetwork();
console.log(`chain ${chainId}, ${(await ethers.getSigners()).length} accounts`);
