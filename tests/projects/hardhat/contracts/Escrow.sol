// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// Holds the native coin until a date, and fails in every way that Solidity knows.
contract Escrow {
    error TooEarly(uint256 now_, uint256 due);
    error NotYours(address caller);
    error NothingHere();

    event Deposited(address indexed payer, address indexed payee, uint256 amount, uint256 due);
    event Released(address indexed payee, uint256 amount);

    struct Deposit {
        uint256 amount;
        uint256 due;
    }

    mapping(address payee => Deposit) public deposits;

    function deposit(address payee, uint256 duration) external payable {
        require(msg.value > 0, NothingHere());
        Deposit storage held = deposits[payee];
        held.amount += msg.value;
        held.due = block.timestamp + duration;
        emit Deposited(msg.sender, payee, msg.value, held.due);
    }

    function release() external {
        Deposit memory held = deposits[msg.sender];
        require(held.amount > 0, NotYours(msg.sender));
        require(block.timestamp >= held.due, TooEarly(block.timestamp, held.due));
        delete deposits[msg.sender];
        emit Released(msg.sender, held.amount);
        (bool paid, ) = msg.sender.call{value: held.amount}("");
        require(paid, "payment failed");
    }

    function failWithReason() external pure {
        revert("a reason in words");
    }

    function failWithoutReason() external pure {
        revert();
    }

    function failAssertion(uint256 number) external pure {
        assert(number == 0);
    }

    function divide(uint256 a, uint256 b) external pure returns (uint256) {
        return a / b;
    }

    function item(uint256[] calldata list, uint256 index) external pure returns (uint256) {
        return list[index];
    }

    function burnGas() external view {
        while (gasleft() > 0) {}
    }
}
