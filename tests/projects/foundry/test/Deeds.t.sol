// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Test} from "forge-std/Test.sol";
import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";

import {DeedVault, LandDeed} from "../src/LandDeed.sol";

contract DeedsTest is Test {
    address private immutable alice = makeAddr("alice");
    LandDeed private deeds;

    function setUp() public {
        deeds = new LandDeed(address(this), 1 ether);
        vm.deal(alice, 10 ether);
    }

    function test_sells_for_the_native_coin() public {
        vm.expectEmit();
        emit LandDeed.Sold(1, alice, 1 ether, "ipfs://deed");
        hoax(alice, 10 ether);
        deeds.buy{value: 1 ether}("ipfs://deed");
        assertEq(deeds.ownerOf(1), alice);
        assertEq(alice.balance, 9 ether);
        address payable payee = payable(makeAddr("payee"));
        deeds.withdraw(payee);
        assertEq(payee.balance, 1 ether);
    }

    function testFuzz_refuses_a_wrong_price(uint256 paid) public {
        paid = bound(paid, 0, 10 ether);
        vm.assume(paid != 1 ether);
        vm.expectRevert(abi.encodeWithSelector(LandDeed.WrongPrice.selector, paid, 1 ether));
        vm.prank(alice);
        deeds.buy{value: paid}("ipfs://deed");
    }

    function test_is_not_bought_in_the_middle_of_being_bought() public {
        DeedVault greedy = new DeedVault{value: 3 ether}(true);
        vm.expectRevert(ReentrancyGuard.ReentrancyGuardReentrantCall.selector);
        greedy.buy(deeds, "ipfs://deed");
    }

    function test_goes_only_to_contracts_that_can_hold_it() public {
        vm.startPrank(alice);
        deeds.buy{value: 1 ether}("ipfs://deed");
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721InvalidReceiver.selector, address(deeds)));
        deeds.safeTransferFrom(alice, address(deeds), 1);
    }
}
