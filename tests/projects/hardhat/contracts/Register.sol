// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Initializable} from "@openzeppelin/contracts-upgradeable/proxy/utils/Initializable.sol";
import {OwnableUpgradeable} from "@openzeppelin/contracts-upgradeable/access/OwnableUpgradeable.sol";
import {PausableUpgradeable} from "@openzeppelin/contracts-upgradeable/utils/PausableUpgradeable.sol";
import {UUPSUpgradeable} from "@openzeppelin/contracts/proxy/utils/UUPSUpgradeable.sol";

/// A register of names behind a proxy, which upgrades itself (UUPS).
contract Register is Initializable, OwnableUpgradeable, PausableUpgradeable, UUPSUpgradeable {
    error Taken(string name, address holder);

    event Registered(string indexed key, string name, address indexed holder);

    /// @custom:storage-location erc7201:defchain.projects.Register
    struct Names {
        mapping(string name => address holder) holders;
        uint256 count;
    }

    // keccak256(abi.encode(uint256(keccak256("defchain.projects.Register")) - 1)) & ~bytes32(uint256(0xff))
    bytes32 internal constant NAMES = 0xbe66addfdf8e62e0731acd75fbc610bcf3bfcfd4d95d7ff7f06a4cc9aaeae800;

    /// @custom:oz-upgrades-unsafe-allow constructor
    constructor() {
        _disableInitializers();
    }

    function initialize(address owner) external initializer {
        __Ownable_init(owner);
        __Pausable_init();
    }

    function register(string calldata name) external virtual whenNotPaused {
        _register(name);
    }

    function _register(string calldata name) internal {
        Names storage names = _names();
        address holder = names.holders[name];
        require(holder == address(0), Taken(name, holder));
        names.holders[name] = msg.sender;
        names.count++;
        emit Registered(name, name, msg.sender);
    }

    function holderOf(string calldata name) external view returns (address) {
        return _names().holders[name];
    }

    function count() external view returns (uint256) {
        return _names().count;
    }

    function version() external pure virtual returns (uint256) {
        return 1;
    }

    function pause() external onlyOwner {
        _pause();
    }

    function _names() internal pure returns (Names storage names) {
        bytes32 slot = NAMES;
        assembly {
            names.slot := slot
        }
    }

    function _authorizeUpgrade(address) internal override onlyOwner {}
}

/// The second version: names have a shortest length, and can be given back.
contract RegisterV2 is Register {
    error TooShort(uint256 length, uint256 least);
    error NotTheHolder(address caller, address holder);

    event Released(string indexed key, address indexed holder);

    uint256 public least;

    function initializeV2(uint256 least_) external reinitializer(2) {
        least = least_;
    }

    function register(string calldata name) external override whenNotPaused {
        require(bytes(name).length >= least, TooShort(bytes(name).length, least));
        _register(name);
    }

    function release(string calldata name) external {
        Names storage names = _names();
        address holder = names.holders[name];
        require(holder == msg.sender, NotTheHolder(msg.sender, holder));
        delete names.holders[name];
        names.count--;
        emit Released(name, msg.sender);
    }

    function version() external pure override returns (uint256) {
        return 2;
    }
}
