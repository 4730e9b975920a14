// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Test} from "forge-std/Test.sol";

import {CivicGovernor, CivicTimelock} from "../src/CivicGovernor.sol";
import {CivicToken, CivicTokenByTime} from "../src/CivicToken.sol";
import {Parameters} from "../src/Parameters.sol";

/// What most tests start from.
abstract contract World is Test {
    address internal immutable admin = makeAddr("admin");
    address internal immutable bob = makeAddr("bob");
    address internal alice;
    uint256 internal aliceKey;

    CivicToken internal token;
    CivicTimelock internal timelock;
    CivicGovernor internal governor;
    Parameters internal parameters;

    function setUp() public virtual {
        (alice, aliceKey) = makeAddrAndKey("alice");
        token = new CivicTokenByTime(admin, 1_000_000 ether);
        address[] memory anyone = new address[](1);
        timelock = new CivicTimelock(2 days, new address[](0), anyone, address(this));
        governor = new CivicGovernor(token, timelock, 1 days, 1 weeks);
        parameters = new Parameters(address(timelock));
        timelock.grantRole(timelock.PROPOSER_ROLE(), address(governor));
        timelock.grantRole(timelock.CANCELLER_ROLE(), address(governor));
        vm.prank(admin);
        token.transfer(alice, 50_000 ether);
        vm.prank(alice);
        token.delegate(alice);
    }
}
