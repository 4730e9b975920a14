import { expect } from "chai";
import { network } from "hardhat";

const { ethers, networkHelpers } = await network.create();
const { loadFixture, time, mine } = networkHelpers;

const SUPPLY = ethers.parseEther("1000000");

async function deployed() {
  const [admin, alice, bob, carol] = await ethers.getSigners();
  const token = await ethers.deployContract("CivicToken", [admin.address, SUPPLY]);
  return { token, admin, alice, bob, carol };
}

describe("CivicToken", () => {
  describe("as ERC-20", () => {
    it("gives the whole supply to the admin", async () => {
      const { token, admin } = await loadFixture(deployed);
      expect(await token.name()).to.equal("Civic");
      expect(await token.decimals()).to.equal(18n);
      expect(await token.totalSupply()).to.equal(SUPPLY);
      expect(await token.balanceOf(admin)).to.equal(SUPPLY);
    });

    it("transfers, and says so in an event", async () => {
      const { token, admin, alice } = await loadFixture(deployed);
      const transfer = token.transfer(alice, 50n);
      await expect(transfer).to.emit(token, "Transfer").withArgs(admin.address, alice.address, 50n);
      await expect(transfer).to.changeTokenBalances(ethers, token, [admin, alice], [-50n, 50n]);
    });

    it("begins each test from the same state", async () => {
      const { token, alice } = await loadFixture(deployed);
      expect(await token.balanceOf(alice)).to.equal(0n);
    });

    it("refuses more than there is, with the figures", async () => {
      const { token, alice, bob } = await loadFixture(deployed);
      await token.transfer(alice, 10n);
      await expect(token.connect(alice).transfer(bob, 11n))
        .to.be.revertedWithCustomError(token, "ERC20InsufficientBalance")
        .withArgs(alice.address, 10n, 11n);
      await expect(token.transfer(ethers.ZeroAddress, 1n))
        .to.be.revertedWithCustomError(token, "ERC20InvalidReceiver")
        .withArgs(ethers.ZeroAddress);
    });

    it("spends an allowance, and no more", async () => {
      const { token, admin, alice, bob } = await loadFixture(deployed);
      await expect(token.approve(alice, 30n)).to.emit(token, "Approval").withArgs(admin.address, alice.address, 30n);
      await token.connect(alice).transferFrom(admin, bob, 20n);
      expect(await token.allowance(admin, alice)).to.equal(10n);
      await expect(token.connect(alice).transferFrom(admin, bob, 11n))
        .to.be.revertedWithCustomError(token, "ERC20InsufficientAllowance")
        .withArgs(alice.address, 10n, 11n);
    });

    it("lets only minters mint", async () => {
      const { token, admin, alice } = await loadFixture(deployed);
      const role = await token.MINTER_ROLE();
      await expect(token.connect(alice).mint(alice, 1n))
        .to.be.revertedWithCustomError(token, "AccessControlUnauthorizedAccount")
        .withArgs(alice.address, role);
      await expect(token.grantRole(role, alice)).to.emit(token, "RoleGranted").withArgs(role, alice.address, admin.address);
      await token.connect(alice).mint(alice, 7n);
      expect(await token.totalSupply()).to.equal(SUPPLY + 7n);
    });

    it("estimates gas that is enough and not wasteful", async () => {
      const { token, alice } = await loadFixture(deployed);
      const estimate = await token.transfer.estimateGas(alice, 5n);
      const receipt = (await (await token.transfer(alice, 5n, { gasLimit: estimate })).wait())!;
      expect(receipt.status).to.equal(1);
      expect(receipt.gasUsed).to.be.greaterThan(21_000n).and.at.most(estimate);
      expect(estimate).to.be.lessThan((receipt.gasUsed * 13n) / 10n);
    });

    it("finds its events again", async () => {
      const { token, admin, alice, bob } = await loadFixture(deployed);
      await token.transfer(alice, 1n);
      await token.transfer(bob, 2n);
      await token.connect(alice).transfer(bob, 1n);
      const toBob = await token.queryFilter(token.filters.Transfer(undefined, bob), 0, "latest");
      expect(toBob.map(({ args }) => [args.from, args.value])).to.deep.equal([[admin.address, 2n], [alice.address, 1n]]);
    });
  });

  describe("with permits (ERC-2612)", () => {
    async function permit(deadline: bigint) {
      const fixture = await loadFixture(deployed);
      const { token, alice, bob } = fixture;
      const [, name, version, chainId, verifyingContract] = await token.eip712Domain();
      const types = {
        Permit: [
          { name: "owner", type: "address" },
          { name: "spender", type: "address" },
          { name: "value", type: "uint256" },
          { name: "nonce", type: "uint256" },
          { name: "deadline", type: "uint256" },
        ],
      };
      const message = { owner: alice.address, spender: bob.address, value: 100n, nonce: await token.nonces(alice), deadline };
      const signature = await alice.signTypedData({ name, version, chainId, verifyingContract }, types, message);
      const { v, r, s } = ethers.Signature.from(signature);
      return { ...fixture, call: () => token.connect(bob).permit(alice, bob, 100n, deadline, v, r, s) };
    }

    it("takes an approval that the owner signed and somebody else sent", async () => {
      const { token, alice, bob, call } = await permit(BigInt(await time.latest()) + 3_600n);
      await expect(call()).to.emit(token, "Approval").withArgs(alice.address, bob.address, 100n);
      expect(await token.nonces(alice)).to.equal(1n);
      // A second time, the nonce is another one.
      await expect(call()).to.be.revertedWithCustomError(token, "ERC2612InvalidSigner");
    });

    it("refuses one that is too old", async () => {
      const deadline = BigInt(await time.latest()) + 60n;
      const { token, call } = await permit(deadline);
      await time.increaseTo(deadline + 1n);
      await expect(call()).to.be.revertedWithCustomError(token, "ERC2612ExpiredSignature").withArgs(deadline);
    });
  });

  describe("with votes (ERC-5805)", () => {
    it("counts votes only once they are delegated", async () => {
      const { token, alice, bob } = await loadFixture(deployed);
      await token.transfer(alice, 100n);
      expect(await token.getVotes(alice)).to.equal(0n);
      await expect(token.connect(alice).delegate(bob))
        .to.emit(token, "DelegateChanged").withArgs(alice.address, ethers.ZeroAddress, bob.address)
        .and.to.emit(token, "DelegateVotesChanged").withArgs(bob.address, 0n, 100n);
      expect(await token.getVotes(bob)).to.equal(100n);
    });

    it("remembers the votes of each block", async () => {
      const { token, alice } = await loadFixture(deployed);
      await token.connect(alice).delegate(alice);
      const heights: number[] = [];
      for (const amount of [10n, 20n, 30n]) {
        const receipt = (await (await token.transfer(alice, amount)).wait())!;
        heights.push(receipt.blockNumber);
      }
      await mine();
      const votes = await Promise.all(heights.map((height) => token.getPastVotes(alice, height)));
      expect(votes).to.deep.equal([10n, 30n, 60n]);
      expect(await token.getPastTotalSupply(heights[0])).to.equal(SUPPLY);
      await expect(token.getPastVotes(alice, heights[2] + 1_000)).to.be.revertedWithCustomError(token, "ERC5805FutureLookup");
    });
  });
});
