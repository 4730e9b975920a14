import { expect } from "chai";
import { network } from "hardhat";

const { ethers, networkHelpers } = await network.create();
const { getStorageAt, loadFixture } = networkHelpers;

// ERC-1967
const IMPLEMENTATION = "0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc";
const ADMIN = "0xb53127684a568b3173ae13b9f8a6016e243e63b6e8ee1178d6a717850b5d6103";

async function addressAt(contract: { getAddress(): Promise<string> }, slot: string) {
  return ethers.getAddress(ethers.dataSlice(await getStorageAt(await contract.getAddress(), slot), 12));
}

async function uups() {
  const [owner, alice, bob] = await ethers.getSigners();
  const implementation = await ethers.deployContract("Register");
  const setup = implementation.interface.encodeFunctionData("initialize", [owner.address]);
  const proxy = await ethers.deployContract("ERC1967Proxy", [implementation, setup]);
  const register = await ethers.getContractAt("Register", await proxy.getAddress());
  return { register, implementation, owner, alice, bob };
}

async function transparent() {
  const [owner, alice] = await ethers.getSigners();
  const implementation = await ethers.deployContract("Box");
  const setup = implementation.interface.encodeFunctionData("store", [41n]);
  const proxy = await ethers.deployContract("TransparentUpgradeableProxy", [implementation, owner.address, setup]);
  const box = await ethers.getContractAt("Box", await proxy.getAddress());
  const admin = await ethers.getContractAt("ProxyAdmin", await addressAt(proxy, ADMIN));
  return { box, proxy, admin, owner, alice };
}

describe("A UUPS proxy", () => {
  it("keeps its state over an upgrade, and gains what is new", async () => {
    const { register, implementation, alice, bob } = await loadFixture(uups);
    expect(await addressAt(register, IMPLEMENTATION)).to.equal(await implementation.getAddress());
    await expect(register.connect(alice).register("alice"))
      .to.emit(register, "Registered").withArgs("alice", "alice", alice.address);
    expect(await register.version()).to.equal(1n);

    const second = await ethers.deployContract("RegisterV2");
    const setup = second.interface.encodeFunctionData("initializeV2", [4n]);
    await expect(register.upgradeToAndCall(second, setup)).to.emit(register, "Upgraded").withArgs(await second.getAddress());
    expect(await addressAt(register, IMPLEMENTATION)).to.equal(await second.getAddress());

    const upgraded = await ethers.getContractAt("RegisterV2", await register.getAddress());
    expect(await upgraded.version()).to.equal(2n);
    expect(await upgraded.holderOf("alice")).to.equal(alice.address);
    await expect(upgraded.connect(bob).register("bob"))
      .to.be.revertedWithCustomError(upgraded, "TooShort").withArgs(3n, 4n);
    await expect(upgraded.connect(bob).release("alice"))
      .to.be.revertedWithCustomError(upgraded, "NotTheHolder").withArgs(bob.address, alice.address);
    await upgraded.connect(alice).release("alice");
    expect(await upgraded.count()).to.equal(0n);
  });

  it("is set up once, and its implementation never", async () => {
    const { register, implementation, alice } = await loadFixture(uups);
    await expect(register.initialize(alice)).to.be.revertedWithCustomError(register, "InvalidInitialization");
    await expect(implementation.initialize(alice)).to.be.revertedWithCustomError(implementation, "InvalidInitialization");
  });

  it("is upgraded by its owner only, and only to what can be upgraded again", async () => {
    const { register, alice } = await loadFixture(uups);
    const second = await ethers.deployContract("RegisterV2");
    await expect(register.connect(alice).upgradeToAndCall(second, "0x"))
      .to.be.revertedWithCustomError(register, "OwnableUnauthorizedAccount").withArgs(alice.address);
    const dead = await ethers.deployContract("Box");
    await expect(register.upgradeToAndCall(dead, "0x"))
      .to.be.revertedWithCustomError(register, "ERC1967InvalidImplementation").withArgs(await dead.getAddress());
  });

  it("stands still while it is paused", async () => {
    const { register, alice } = await loadFixture(uups);
    await register.pause();
    await expect(register.connect(alice).register("alice")).to.be.revertedWithCustomError(register, "EnforcedPause");
  });
});

describe("A transparent proxy", () => {
  it("is upgraded by its admin's owner", async () => {
    const { box, proxy, admin, owner, alice } = await loadFixture(transparent);
    expect(await box.value()).to.equal(41n);
    const second = await ethers.deployContract("BoxV2");
    await expect(admin.connect(alice).upgradeAndCall(proxy, second, "0x"))
      .to.be.revertedWithCustomError(admin, "OwnableUnauthorizedAccount").withArgs(alice.address);
    await admin.connect(owner).upgradeAndCall(proxy, second, second.interface.encodeFunctionData("increment"));
    expect(await box.value()).to.equal(42n);
    expect(await addressAt(proxy, IMPLEMENTATION)).to.equal(await second.getAddress());
  });
});

describe("Other ways to share code", () => {
  it("a beacon upgrades all its proxies at once", async () => {
    const [owner] = await ethers.getSigners();
    const beacon = await ethers.deployContract("UpgradeableBeacon", [await ethers.deployContract("Box"), owner.address]);
    const proxies = [];
    for (const value of [1n, 2n]) {
      const setup = (await ethers.getContractFactory("Box")).interface.encodeFunctionData("store", [value]);
      proxies.push(await ethers.deployContract("BeaconProxy", [beacon, setup]));
    }
    await beacon.upgradeTo(await ethers.deployContract("BoxV2"));
    for (const [i, proxy] of proxies.entries()) {
      const box = await ethers.getContractAt("BoxV2", await proxy.getAddress());
      await box.increment();
      expect(await box.value()).to.equal(BigInt(i) + 2n);
    }
  });

  it("CREATE2 makes a contract at an address that is known before, once", async () => {
    const factory = await ethers.deployContract("BoxFactory");
    const { bytecode } = await ethers.getContractFactory("Box");
    const salt = ethers.id("salt");
    const expected = ethers.getCreate2Address(await factory.getAddress(), salt, ethers.keccak256(bytecode));
    await expect(factory.make(salt)).to.emit(factory, "Made").withArgs(expected);
    expect(await ethers.provider.getCode(expected)).to.not.equal("0x");
    await expect(factory.make(salt)).to.be.revertedWithoutReason(ethers);
  });

  it("clones of 45 bytes keep values of their own", async () => {
    const factory = await ethers.deployContract("BoxFactory");
    const address = await factory.clone.staticCall();
    await factory.clone();
    const clone = await ethers.getContractAt("Box", address);
    await clone.store(7n);
    expect(await clone.value()).to.equal(7n);
    expect(ethers.dataLength(await ethers.provider.getCode(address))).to.equal(45);
    expect(await (await ethers.getContractAt("Box", await factory.original())).value()).to.equal(0n);
  });
});
