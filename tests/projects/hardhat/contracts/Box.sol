// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Clones} from "@openzeppelin/contracts/proxy/Clones.sol";

/// A value behind any kind of proxy.
contract Box {
    event Stored(uint256 value);

    uint256 public value;

    function store(uint256 to) public {
        value = to;
        emit Stored(to);
    }
}

contract BoxV2 is Box {
    function increment() external {
        store(value + 1);
    }
}

/// Boxes at addresses that are known before (CREATE2) or cheap (ERC-1167).
contract BoxFactory {
    event Made(address box);

    Box public immutable original = new Box();

    function make(bytes32 salt) external returns (Box box) {
        box = new Box{salt: salt}();
        emit Made(address(box));
    }

    function clone() external returns (Box box) {
        box = Box(Clones.clone(address(original)));
        emit Made(address(box));
    }
}
