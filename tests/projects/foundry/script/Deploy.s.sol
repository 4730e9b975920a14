// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Script, console} from "forge-std/Script.sol";
import {ERC1967Proxy} from "@openzeppelin/contracts/proxy/ERC1967/ERC1967Proxy.sol";
import {TransparentUpgradeableProxy} from "@openzeppelin/contracts/proxy/transparent/TransparentUpgradeableProxy.sol";

import {Box} from "../src/Box.sol";
import {CivicGovernor, CivicTimelock} from "../src/CivicGovernor.sol";
import {CivicTokenByTime} from "../src/CivicToken.sol";
import {LandDeed} from "../src/LandDeed.sol";
import {Parameters} from "../src/Parameters.sol";
import {Register} from "../src/Register.sol";

/// Deploys everything, wires it and uses it a little. Writes the addresses to ADDRESSES for who comes after.
contract Deploy is Script {
    function run() external {
        uint256 delay = vm.envOr("TIMELOCK_DELAY", uint256(2 days));

        uint256 before = block.number;

        vm.startBroadcast();
        CivicTokenByTime token = new CivicTokenByTime(msg.sender, 1_000_000 ether);
        address[] memory anyone = new address[](1);
        CivicTimelock timelock = new CivicTimelock(delay, new address[](0), anyone, msg.sender);
        CivicGovernor governor = new CivicGovernor(token, timelock, 1 days, 1 weeks);
        Parameters parameters = new Parameters(address(timelock));
        LandDeed deeds = new LandDeed(msg.sender, 1.5 ether);

        timelock.grantRole(timelock.PROPOSER_ROLE(), address(governor));
        timelock.grantRole(timelock.CANCELLER_ROLE(), address(governor));
        timelock.renounceRole(timelock.DEFAULT_ADMIN_ROLE(), msg.sender);
        token.delegate(msg.sender);
        token.transfer(address(timelock), 1_000 ether);
        deeds.buy{value: deeds.price()}("ipfs://first");

        Register register = Register(
            address(new ERC1967Proxy(address(new Register()), abi.encodeCall(Register.initialize, (address(timelock)))))
        );
        register.register("first");
        Box box = Box(
            address(new TransparentUpgradeableProxy(address(new Box()), address(timelock), abi.encodeCall(Box.store, (41))))
        );
        // Goes through the deployer that is at the same address on every chain.
        bytes32 salt = keccak256(abi.encode(msg.sender, before));
        Box known = new Box{salt: salt}();
        require(address(known) == vm.computeCreate2Address(salt, keccak256(type(Box).creationCode)), "another address");
        vm.stopBroadcast();

        string memory json = "addresses";
        vm.serializeUint(json, "before", before);
        vm.serializeAddress(json, "admin", msg.sender);
        vm.serializeAddress(json, "token", address(token));
        vm.serializeAddress(json, "timelock", address(timelock));
        vm.serializeAddress(json, "governor", address(governor));
        vm.serializeAddress(json, "parameters", address(parameters));
        vm.serializeAddress(json, "deeds", address(deeds));
        vm.serializeAddress(json, "register", address(register));
        vm.writeJson(vm.serializeAddress(json, "box", address(box)), vm.envString("ADDRESSES"));
        console.log("deployed by", msg.sender);
    }
}
