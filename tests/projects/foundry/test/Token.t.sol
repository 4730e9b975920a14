// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {IAccessControl} from "@openzeppelin/contracts/access/IAccessControl.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";

import {World} from "./World.sol";

contract TokenTest is World {
    bytes32 private constant PERMIT =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");

    function test_transfers_and_says_so() public {
        vm.expectEmit();
        emit IERC20.Transfer(alice, bob, 7);
        vm.prank(alice);
        token.transfer(bob, 7);
        assertEq(token.balanceOf(bob), 7);
    }

    function test_refuses_more_than_there_is() public {
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, bob, 0, 1));
        vm.prank(bob);
        token.transfer(alice, 1);
    }

    function test_lets_only_minters_mint() public {
        bytes32 role = token.MINTER_ROLE();
        vm.expectRevert(abi.encodeWithSelector(IAccessControl.AccessControlUnauthorizedAccount.selector, bob, role));
        vm.prank(bob);
        token.mint(bob, 1);
    }

    function testFuzz_moves_what_it_is_told_and_nothing_else(uint256 amount) public {
        uint256 whole = token.balanceOf(alice);
        amount = bound(amount, 0, whole);
        vm.prank(alice);
        token.transfer(bob, amount);
        assertEq(token.balanceOf(alice) + token.balanceOf(bob), whole);
        assertEq(token.getVotes(alice), whole - amount);
    }

    function testFuzz_takes_an_approval_by_signature(uint256 amount, uint32 lifetime) public {
        uint256 deadline = block.timestamp + lifetime;
        bytes32 message = keccak256(abi.encode(PERMIT, alice, bob, amount, token.nonces(alice), deadline));
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(aliceKey, keccak256(abi.encodePacked("\x19\x01", token.DOMAIN_SEPARATOR(), message)));
        uint256 snapshot = vm.snapshotState();
        token.permit(alice, bob, amount, deadline, v, r, s);
        assertEq(token.allowance(alice, bob), amount);
        vm.revertToState(snapshot);
        vm.warp(deadline + 1);
        vm.expectRevert(abi.encodeWithSelector(ERC20Permit.ERC2612ExpiredSignature.selector, deadline));
        token.permit(alice, bob, amount, deadline, v, r, s);
    }

    function test_signs_for_this_chain_only() public {
        bytes32 here = token.DOMAIN_SEPARATOR();
        vm.chainId(block.chainid + 1);
        assertNotEq(token.DOMAIN_SEPARATOR(), here);
    }
}
