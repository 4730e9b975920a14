// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Test} from "forge-std/Test.sol";

import {Box} from "../src/Box.sol";
import {CivicGovernor, CivicTimelock} from "../src/CivicGovernor.sol";
import {CivicToken} from "../src/CivicToken.sol";
import {LandDeed} from "../src/LandDeed.sol";
import {Parameters} from "../src/Parameters.sol";
import {Register, RegisterV2} from "../src/Register.sol";

/// What `Deploy` deployed, gone on with on a fork of the chain: its clock is turned, its accounts are played, and
/// nothing of it reaches the chain.
contract ForkTest is Test {
    address private admin;
    CivicToken private token;
    CivicGovernor private governor;
    CivicTimelock private timelock;
    Parameters private parameters;
    LandDeed private deeds;
    Register private register;
    Box private box;
    uint256 private before;

    function setUp() public {
        vm.skip(bytes(vm.envOr("ADDRESSES", string(""))).length == 0, "ADDRESSES is not set: run script/Deploy.s.sol first");
        string memory json = vm.readFile(vm.envString("ADDRESSES"));
        admin = vm.parseJsonAddress(json, ".admin");
        token = CivicToken(vm.parseJsonAddress(json, ".token"));
        governor = CivicGovernor(payable(vm.parseJsonAddress(json, ".governor")));
        timelock = CivicTimelock(payable(vm.parseJsonAddress(json, ".timelock")));
        parameters = Parameters(vm.parseJsonAddress(json, ".parameters"));
        deeds = LandDeed(vm.parseJsonAddress(json, ".deeds"));
        register = Register(vm.parseJsonAddress(json, ".register"));
        box = Box(vm.parseJsonAddress(json, ".box"));
        before = vm.parseJsonUint(json, ".before");
    }

    function test_sees_the_chain_as_it_is() public {
        assertEq(block.chainid, 35_679);
        assertEq(token.totalSupply(), 1_000_000 ether);
        assertEq(token.balanceOf(address(timelock)), 1_000 ether);
        assertEq(token.getVotes(admin), 999_000 ether);
        assertEq(deeds.ownerOf(1), admin);
        assertEq(address(deeds).balance, 1.5 ether);
        assertEq(register.holderOf("first"), admin);
        assertEq(box.value(), 41);
        bytes memory height = vm.rpc("eth_blockNumber", "[]");
        assertGe(uint256(bytes32(height)) >> (8 * (32 - height.length)), block.number);
    }

    function test_the_government_upgrades_the_register_on_the_fork() public {
        address[] memory to = new address[](2);
        uint256[] memory values = new uint256[](2);
        bytes[] memory data = new bytes[](2);
        bytes memory setup = abi.encodeCall(RegisterV2.initializeV2, (4));
        (to[0], data[0]) = (address(register), abi.encodeCall(register.upgradeToAndCall, (address(new RegisterV2()), setup)));
        (to[1], data[1]) = (address(parameters), abi.encodeCall(Parameters.setFee, (250)));
        skip(1);
        vm.startPrank(admin);
        uint256 id = governor.propose(to, values, data, "upgrade");
        skip(1 days + 1);
        governor.castVote(id, 1);
        skip(1 weeks);
        governor.queue(to, values, data, keccak256("upgrade"));
        vm.warp(governor.proposalEta(id));
        governor.execute(to, values, data, keccak256("upgrade"));
        assertEq(register.version(), 2);
        assertEq(register.holderOf("first"), admin);
        assertEq(parameters.fee(), 250);
    }

    function test_forks_at_an_earlier_block() public {
        uint256 now_ = block.number;
        assertLt(before, now_);
        vm.createSelectFork("defchain", before);
        assertEq(address(token).code.length, 0);
        vm.createSelectFork("defchain", now_);
        assertGt(address(token).code.length, 0);
        vm.rollFork(before);
        assertEq(address(token).code.length, 0);
    }
}
