// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Test} from "forge-std/Test.sol";
import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";
import {ERC1967Utils} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Utils.sol";
import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {
    ITransparentUpgradeableProxy,
    TransparentUpgradeableProxy
} from "@openzeppelin/contracts/proxy/transparent/TransparentUpgradeableProxy.sol";
import {OwnableUpgradeable} from "@openzeppelin/contracts-upgradeable/access/OwnableUpgradeable.sol";
import {ProxyAdmin} from "@openzeppelin/contracts/proxy/transparent/ProxyAdmin.sol";

import {Box, BoxFactory, BoxV2} from "../src/Box.sol";
import {Register, RegisterV2} from "../src/Register.sol";

contract ProxiesTest is Test {
    address private immutable bob = makeAddr("bob");
    Register private register;

    function setUp() public {
        bytes memory setup = abi.encodeCall(Register.initialize, (address(this)));
        register = Register(address(new ERC1967Proxy(address(new Register()), setup)));
    }

    function test_uups_keeps_its_state_over_an_upgrade() public {
        vm.prank(bob);
        register.register("bob");
        RegisterV2 second = new RegisterV2();
        register.upgradeToAndCall(address(second), abi.encodeCall(RegisterV2.initializeV2, (4)));
        bytes32 slot = vm.load(address(register), ERC1967Utils.IMPLEMENTATION_SLOT);
        assertEq(address(uint160(uint256(slot))), address(second));
        assertEq(register.holderOf("bob"), bob);
        assertEq(register.version(), 2);
        vm.expectRevert(abi.encodeWithSelector(RegisterV2.TooShort.selector, 3, 4));
        register.register("eve");
        vm.prank(bob);
        RegisterV2(address(register)).release("bob");
        assertEq(register.count(), 0);
    }

    function test_uups_is_upgraded_by_its_owner_only() public {
        RegisterV2 second = new RegisterV2();
        vm.expectRevert(abi.encodeWithSelector(OwnableUpgradeable.OwnableUnauthorizedAccount.selector, bob));
        vm.prank(bob);
        register.upgradeToAndCall(address(second), "");
    }

    function test_uups_is_set_up_once() public {
        vm.expectRevert(Initializable.InvalidInitialization.selector);
        register.initialize(bob);
    }

    function test_transparent_is_upgraded_through_its_admin() public {
        address proxy = address(new TransparentUpgradeableProxy(address(new Box()), address(this), abi.encodeCall(Box.store, (41))));
        ProxyAdmin admin = ProxyAdmin(address(uint160(uint256(vm.load(proxy, ERC1967Utils.ADMIN_SLOT)))));
        address second = address(new BoxV2());
        admin.upgradeAndCall(ITransparentUpgradeableProxy(proxy), second, abi.encodeCall(BoxV2.increment, ()));
        assertEq(Box(proxy).value(), 42);
    }

    function testFuzz_create2_makes_a_contract_where_it_was_foretold(bytes32 salt) public {
        BoxFactory factory = new BoxFactory();
        address foretold = vm.computeCreate2Address(salt, keccak256(type(Box).creationCode), address(factory));
        assertEq(address(factory.make(salt)), foretold);
        assertGt(foretold.code.length, 0);
    }
}
