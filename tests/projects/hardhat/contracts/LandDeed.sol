// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {ERC721Burnable} from "@openzeppelin/contracts/token/ERC721/extensions/ERC721Burnable.sol";
import {ERC721Enumerable} from "@openzeppelin/contracts/token/ERC721/extensions/ERC721Enumerable.sol";
import {ERC721URIStorage} from "@openzeppelin/contracts/token/ERC721/extensions/ERC721URIStorage.sol";
import {IERC721Receiver} from "@openzeppelin/contracts/token/ERC721/IERC721Receiver.sol";
import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";

/// Deeds that are sold for the native coin.
contract LandDeed is ERC721, ERC721Enumerable, ERC721URIStorage, ERC721Burnable, Ownable, ReentrancyGuard {
    error WrongPrice(uint256 paid, uint256 price);
    error NothingToWithdraw();
    error PaymentFailed(address payee, uint256 amount);

    event Sold(uint256 indexed deed, address indexed buyer, uint256 price, string uri);

    uint256 public immutable price;
    uint256 private nextDeed = 1;

    constructor(address owner, uint256 price_) ERC721("Land Deed", "DEED") Ownable(owner) {
        price = price_;
    }

    function buy(string calldata uri) external payable nonReentrant returns (uint256 deed) {
        require(msg.value == price, WrongPrice(msg.value, price));
        deed = nextDeed++;
        emit Sold(deed, msg.sender, msg.value, uri);
        _safeMint(msg.sender, deed);
        _setTokenURI(deed, uri);
    }

    function withdraw(address payable payee) external onlyOwner {
        uint256 amount = address(this).balance;
        require(amount > 0, NothingToWithdraw());
        (bool paid, ) = payee.call{value: amount}("");
        require(paid, PaymentFailed(payee, amount));
    }

    function _update(address to, uint256 deed, address auth) internal override(ERC721, ERC721Enumerable) returns (address) {
        return super._update(to, deed, auth);
    }

    function _increaseBalance(address account, uint128 value) internal override(ERC721, ERC721Enumerable) {
        super._increaseBalance(account, value);
    }

    function tokenURI(uint256 deed) public view override(ERC721, ERC721URIStorage) returns (string memory) {
        return super.tokenURI(deed);
    }

    function supportsInterface(bytes4 id) public view override(ERC721, ERC721Enumerable, ERC721URIStorage) returns (bool) {
        return super.supportsInterface(id);
    }
}

/// Holds deeds, and buys one in the middle of receiving one if told to.
contract DeedVault is IERC721Receiver {
    bool public greedy;
    uint256 public held;

    constructor(bool greedy_) payable {
        greedy = greedy_;
    }

    function buy(LandDeed deeds, string calldata uri) external {
        deeds.buy{value: deeds.price()}(uri);
    }

    function onERC721Received(address, address, uint256, bytes calldata) external returns (bytes4) {
        held++;
        if (greedy) LandDeed(msg.sender).buy{value: LandDeed(msg.sender).price()}("again");
        return IERC721Receiver.onERC721Received.selector;
    }
}
