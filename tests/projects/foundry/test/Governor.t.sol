// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IGovernor} from "@openzeppelin/contracts/governance/IGovernor.sol";

import {Parameters} from "../src/Parameters.sol";
import {World} from "./World.sol";

contract GovernorTest is World {
    function propose(uint256 fee) private returns (uint256 id, address[] memory to, uint256[] memory values, bytes[] memory data) {
        (to, values, data) = (new address[](1), new uint256[](1), new bytes[](1));
        (to[0], data[0]) = (address(parameters), abi.encodeCall(Parameters.setFee, (fee)));
        vm.warp(block.timestamp + 1);
        vm.prank(alice);
        id = governor.propose(to, values, data, "fee");
    }

    function state(uint256 id) private view returns (uint256) {
        return uint256(governor.state(id));
    }

    function testFuzz_carries_a_proposal_to_its_execution(uint256 fee) public {
        fee = bound(fee, 0, parameters.MAX_FEE());
        (uint256 id, address[] memory to, uint256[] memory values, bytes[] memory data) = propose(fee);
        assertEq(state(id), uint256(IGovernor.ProposalState.Pending));
        skip(1 days + 1);
        vm.prank(alice);
        governor.castVote(id, 1);
        skip(1 weeks);
        assertEq(state(id), uint256(IGovernor.ProposalState.Succeeded));
        governor.queue(to, values, data, keccak256("fee"));
        vm.expectRevert();
        governor.execute(to, values, data, keccak256("fee"));
        skip(2 days);
        vm.expectEmit(address(parameters));
        emit Parameters.FeeChanged(100, fee);
        governor.execute(to, values, data, keccak256("fee"));
        assertEq(parameters.fee(), fee);
        assertEq(state(id), uint256(IGovernor.ProposalState.Executed));
    }

    function test_fails_with_the_reason_of_what_it_calls() public {
        (uint256 id, address[] memory to, uint256[] memory values, bytes[] memory data) = propose(501);
        skip(1 days + 1);
        vm.prank(alice);
        governor.castVote(id, 1);
        skip(1 weeks);
        governor.queue(to, values, data, keccak256("fee"));
        skip(2 days);
        vm.expectRevert(abi.encodeWithSelector(Parameters.OutOfBounds.selector, 501, 500));
        governor.execute(to, values, data, keccak256("fee"));
    }

    function test_drops_a_proposal_that_nobody_votes_for() public {
        (uint256 id,,,) = propose(1);
        skip(1 days + 1 weeks + 2);
        assertEq(state(id), uint256(IGovernor.ProposalState.Defeated));
    }
}
