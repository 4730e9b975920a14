import { expect } from "chai";
import { network } from "hardhat";

const { ethers, networkHelpers } = await network.create();
const { loadFixture, setBalance } = networkHelpers;

const PRICE = ethers.parseEther("1.5");

async function deployed() {
  const [owner, alice, bob, treasurer] = await ethers.getSigners();
  const deeds = await ethers.deployContract("LandDeed", [owner.address, PRICE]);
  return { deeds, owner, alice, bob, treasurer };
}

async function withDeeds() {
  const fixture = await deployed();
  const { deeds, alice, bob } = fixture;
  for (const [buyer, uri] of [[alice, "ipfs://one"], [bob, "ipfs://two"], [alice, "ipfs://three"]] as const) {
    await deeds.connect(buyer).buy(uri, { value: PRICE });
  }
  return fixture;
}

describe("LandDeed", () => {
  it("sells a deed for the native coin", async () => {
    const { deeds, alice } = await loadFixture(deployed);
    const sale = deeds.connect(alice).buy("ipfs://deed", { value: PRICE });
    await expect(sale).to.emit(deeds, "Sold").withArgs(1n, alice.address, PRICE, "ipfs://deed");
    await expect(sale).to.emit(deeds, "Transfer").withArgs(ethers.ZeroAddress, alice.address, 1n);
    await expect(sale).to.changeEtherBalances(ethers, [alice, deeds], [-PRICE, PRICE]);
    expect(await deeds.tokenURI(1n)).to.equal("ipfs://deed");
  });

  it("refuses a wrong price, with both figures", async () => {
    const { deeds, alice } = await loadFixture(deployed);
    await expect(deeds.connect(alice).buy("ipfs://deed", { value: PRICE - 1n }))
      .to.be.revertedWithCustomError(deeds, "WrongPrice").withArgs(PRICE - 1n, PRICE);
  });

  it("lists the deeds of an owner", async () => {
    const { deeds, alice } = await loadFixture(withDeeds);
    expect(await deeds.totalSupply()).to.equal(3n);
    expect(await deeds.balanceOf(alice)).to.equal(2n);
    expect(await deeds.tokenOfOwnerByIndex(alice, 1n)).to.equal(3n);
    await expect(deeds.tokenOfOwnerByIndex(alice, 2n))
      .to.be.revertedWithCustomError(deeds, "ERC721OutOfBoundsIndex").withArgs(alice.address, 2n);
  });

  it("transfers by the owner or by whom the owner approved", async () => {
    const { deeds, alice, bob, treasurer } = await loadFixture(withDeeds);
    await expect(deeds.connect(bob).transferFrom(alice, bob, 1n))
      .to.be.revertedWithCustomError(deeds, "ERC721InsufficientApproval").withArgs(bob.address, 1n);
    await deeds.connect(alice).approve(bob, 1n);
    await deeds.connect(bob).transferFrom(alice, treasurer, 1n);
    expect(await deeds.ownerOf(1n)).to.equal(treasurer.address);
    await deeds.connect(alice).setApprovalForAll(bob, true);
    await deeds.connect(bob)["safeTransferFrom(address,address,uint256)"](alice, bob, 3n);
    expect(await deeds.balanceOf(bob)).to.equal(2n);
  });

  it("goes only to contracts that can hold it", async () => {
    const { deeds, alice } = await loadFixture(withDeeds);
    const vault = await ethers.deployContract("DeedVault", [false]);
    await deeds.connect(alice)["safeTransferFrom(address,address,uint256)"](alice, vault, 1n);
    expect(await vault.held()).to.equal(1n);
    await expect(deeds.connect(alice)["safeTransferFrom(address,address,uint256)"](alice, deeds, 3n))
      .to.be.revertedWithCustomError(deeds, "ERC721InvalidReceiver").withArgs(await deeds.getAddress());
  });

  it("is not bought again in the middle of being bought", async () => {
    const { deeds } = await loadFixture(deployed);
    const greedy = await ethers.deployContract("DeedVault", [true], { value: 3n * PRICE });
    await expect(greedy.buy(deeds, "ipfs://deed")).to.be.revertedWithCustomError(deeds, "ReentrancyGuardReentrantCall");
    expect(await deeds.totalSupply()).to.equal(0n);
    expect(await ethers.provider.getBalance(greedy)).to.equal(3n * PRICE);
  });

  it("burns a deed", async () => {
    const { deeds, bob } = await loadFixture(withDeeds);
    await deeds.connect(bob).burn(2n);
    await expect(deeds.ownerOf(2n)).to.be.revertedWithCustomError(deeds, "ERC721NonexistentToken").withArgs(2n);
    expect(await deeds.totalSupply()).to.equal(2n);
  });

  it("pays what was earned to whom its owner says", async () => {
    const { deeds, alice } = await loadFixture(withDeeds);
    const payee = ethers.Wallet.createRandom();
    await expect(deeds.connect(alice).withdraw(payee.address))
      .to.be.revertedWithCustomError(deeds, "OwnableUnauthorizedAccount").withArgs(alice.address);
    await expect(deeds.withdraw(payee.address)).to.changeEtherBalances(ethers, [deeds, payee], [-3n * PRICE, 3n * PRICE]);
    await expect(deeds.withdraw(payee.address)).to.be.revertedWithCustomError(deeds, "NothingToWithdraw");
  });

  it("knows its interfaces", async () => {
    const { deeds } = await loadFixture(deployed);
    for (const id of ["0x01ffc9a7", "0x80ac58cd", "0x5b5e139f", "0x780e9d63"]) expect(await deeds.supportsInterface(id)).to.equal(true);
    expect(await deeds.supportsInterface("0xffffffff")).to.equal(false);
  });

  it("is bought by an account that had nothing a moment ago", async () => {
    const { deeds } = await loadFixture(deployed);
    const poor = ethers.Wallet.createRandom().connect(ethers.provider);
    await setBalance(poor.address, ethers.parseEther("2"));
    await (await deeds.connect(poor).buy("ipfs://deed", { value: PRICE })).wait();
    expect(await deeds.ownerOf(1n)).to.equal(poor.address);
  });
});
