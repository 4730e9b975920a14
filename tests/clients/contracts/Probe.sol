// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// Everything a tool may have to decode: events, reverts of each kind, storage, the block's own figures.
contract Probe {
    struct Call {
        address to;
        uint256 value;
        bytes data;
    }

    error TooMuch(uint256 asked, uint256 allowed, address who);
    error CallFailed(uint256 index, bytes output);

    event Noted(address indexed who, uint256 indexed number, string text);

    uint256 public stored;

    receive() external payable {}

    function note(uint256 number, string calldata text) external {
        stored = number;
        emit Noted(msg.sender, number, text);
    }

    function noteMany(uint256 count) external {
        for (uint256 i = 0; i < count; i++) {
            emit Noted(msg.sender, i, "many");
        }
    }

    function failWithString(string calldata reason) external {
        stored = 1;
        revert(reason);
    }

    function failWithError(uint256 asked) external {
        stored = 2;
        revert TooMuch(asked, 100, msg.sender);
    }

    function failWithPanic(uint256 by) external returns (uint256) {
        stored = 100 / by;
        return stored;
    }

    function failBare() external {
        stored = 3;
        // solhint-disable-next-line reason-string
        revert();
    }

    /// Several calls as one: what an account that delegates here (EIP-7702) does for its owner.
    function batch(Call[] calldata calls) external payable {
        for (uint256 i = 0; i < calls.length; i++) {
            (bool done, bytes memory output) = calls[i].to.call{value: calls[i].value}(calls[i].data);
            if (!done) revert CallFailed(i, output);
        }
    }

    function around()
        external
        view
        returns (uint256 chainId, uint256 height, uint256 time, bytes32 parent, uint256 baseFee, uint256 balance)
    {
        return (
            block.chainid, block.number, block.timestamp, blockhash(block.number - 1), block.basefee, msg.sender.balance
        );
    }
}
