import { expect } from "chai";
import { network } from "hardhat";

const { ethers, networkHelpers } = await network.create();
const { loadFixture, mine, takeSnapshot, time } = networkHelpers;

const AMOUNT = ethers.parseEther("3");
const WEEK = 7n * 24n * 3_600n;

async function deployed() {
  const [payer, payee, other] = await ethers.getSigners();
  const escrow = await ethers.deployContract("Escrow");
  return { escrow, payer, payee, other };
}

async function deposited() {
  const fixture = await deployed();
  await fixture.escrow.deposit(fixture.payee, WEEK, { value: AMOUNT });
  return { ...fixture, due: (await fixture.escrow.deposits(fixture.payee)).due };
}

describe("Escrow", () => {
  it("pays when the time has come, and not a second before", async () => {
    const { escrow, payee, due } = await loadFixture(deposited);
    // The next block is a second later at least, so this one is right before the date.
    await time.setNextBlockTimestamp(due - 1n);
    await expect(escrow.connect(payee).release()).to.be.revertedWithCustomError(escrow, "TooEarly");
    await time.increaseTo(due);
    const release = escrow.connect(payee).release();
    await expect(release).to.emit(escrow, "Released").withArgs(payee.address, AMOUNT);
    await expect(release).to.changeEtherBalances(ethers, [escrow, payee], [-AMOUNT, AMOUNT]);
  });

  it("gives a block the time it was told to", async () => {
    const { escrow, payer } = await loadFixture(deployed);
    const then = BigInt(await time.latest()) + 1_000_000n;
    await time.setNextBlockTimestamp(then);
    await expect(escrow.deposit(payer, 60n, { value: 1n }))
      .to.emit(escrow, "Deposited").withArgs(payer.address, payer.address, 1n, then + 60n);
    expect(await time.latest()).to.equal(Number(then));
  });

  it("goes on from a snapshot as if nothing had happened since", async () => {
    const { escrow, payee, due } = await loadFixture(deposited);
    const height = await time.latestBlock();
    const snapshot = await takeSnapshot();
    await time.increaseTo(due);
    await escrow.connect(payee).release();
    expect((await escrow.deposits(payee)).amount).to.equal(0n);
    await snapshot.restore();
    expect(await time.latestBlock()).to.equal(height);
    expect((await escrow.deposits(payee)).amount).to.equal(AMOUNT);
    await expect(escrow.connect(payee).release()).to.be.revertedWithCustomError(escrow, "TooEarly");
  });

  it("mines many blocks with an interval", async () => {
    const [height, then] = [await time.latestBlock(), await time.latest()];
    await mine(100, { interval: 60 });
    expect(await time.latestBlock()).to.equal(height + 100);
    expect(await time.latest()).to.be.at.least(then + 99 * 60);
  });

  it("fails in words, by a custom error, by a panic, and without a reason", async () => {
    const { escrow, other } = await loadFixture(deployed);
    await expect(escrow.failWithReason()).to.be.revertedWith("a reason in words");
    await expect(escrow.failWithoutReason()).to.be.revertedWithoutReason(ethers);
    await expect(escrow.failAssertion(1n)).to.be.revertedWithPanic(0x01);
    await expect(escrow.divide(1n, 0n)).to.be.revertedWithPanic(0x12);
    await expect(escrow.item([1n, 2n], 2n)).to.be.revertedWithPanic(0x32);
    await expect(escrow.connect(other).release()).to.be.revertedWithCustomError(escrow, "NotYours").withArgs(other.address);
    expect(await escrow.divide(7n, 2n)).to.equal(3n);
  });

  it("shows a failure that was sent all the same in its receipt", async () => {
    const { escrow, other } = await loadFixture(deployed);
    const response = await other.sendTransaction({
      to: escrow, data: escrow.interface.encodeFunctionData("release"), gasLimit: 100_000n,
    }).catch((error: Error) => error);
    // A development node may refuse in its answer; the transaction stands in a block either way.
    const block = (await ethers.provider.getBlock("latest"))!;
    const hash = response instanceof Error ? block.transactions[0] : response.hash;
    const receipt = (await ethers.provider.getTransactionReceipt(hash))!;
    expect(receipt.status).to.equal(0);
    expect(receipt.gasUsed).to.be.lessThan(100_000n);
  });

  it("runs out of gas with all of it used", async () => {
    const { escrow } = await loadFixture(deployed);
    const error = await escrow.burnGas({ gasLimit: 200_000n }).then(() => undefined, (caught: Error) => caught);
    expect(error?.message).to.match(/out of gas/i);
  });
});
