// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// OpenZeppelin's ERC-20 as it is. Genesis puts it at an address and writes balances and allowances into its storage,
/// so no constructor runs.
contract BenchToken is ERC20 {
    constructor() ERC20("Bench", "BEN") {}
}

interface IERC20Min {
    function transfer(address to, uint256 value) external returns (bool);
    function transferFrom(address from, address to, uint256 value) external returns (bool);
    function balanceOf(address owner) external view returns (uint256);
}

/// A pair of two tokens with a constant product: what one swap of an exchange of the second generation costs. Fee 0.3 %,
/// both balances read back, the product checked, prices accumulated over time, two events.
contract BenchPair {
    address public constant TOKEN0 = 0x000000000000000000000000000000000000bE01;
    address public constant TOKEN1 = 0x000000000000000000000000000000000000BE02;

    uint112 public reserve0;
    uint112 public reserve1;
    uint32 public lastTime;
    uint256 public price0Cumulative;
    uint256 public price1Cumulative;
    uint256 private unlocked;

    event Swap(address indexed sender, uint256 in0, uint256 in1, uint256 out0, uint256 out1, address indexed to);
    event Sync(uint112 reserve0, uint112 reserve1);

    error Locked();
    error Product();
    error Transfer();
    error Overflow();

    /// Sells `amount` of one token for the other at the present price.
    function swap(bool sell0, uint256 amount) external {
        if (unlocked == 2) revert Locked();
        unlocked = 2;
        (uint112 r0, uint112 r1) = (reserve0, reserve1);
        (address tokenIn, address tokenOut) = sell0 ? (TOKEN0, TOKEN1) : (TOKEN1, TOKEN0);
        (uint256 reserveIn, uint256 reserveOut) = sell0 ? (uint256(r0), uint256(r1)) : (uint256(r1), uint256(r0));
        uint256 withFee = amount * 997;
        uint256 out = (withFee * reserveOut) / (reserveIn * 1000 + withFee);
        if (!IERC20Min(tokenIn).transferFrom(msg.sender, address(this), amount)) revert Transfer();
        if (!IERC20Min(tokenOut).transfer(msg.sender, out)) revert Transfer();
        uint256 balance0 = IERC20Min(TOKEN0).balanceOf(address(this));
        uint256 balance1 = IERC20Min(TOKEN1).balanceOf(address(this));
        (uint256 in0, uint256 in1) = sell0 ? (amount, uint256(0)) : (uint256(0), amount);
        uint256 adjusted0 = balance0 * 1000 - in0 * 3;
        uint256 adjusted1 = balance1 * 1000 - in1 * 3;
        if (adjusted0 * adjusted1 < uint256(r0) * r1 * 1000 ** 2) revert Product();
        update(balance0, balance1, r0, r1);
        (uint256 out0, uint256 out1) = sell0 ? (uint256(0), out) : (out, uint256(0));
        emit Swap(msg.sender, in0, in1, out0, out1, msg.sender);
        unlocked = 1;
    }

    function update(uint256 balance0, uint256 balance1, uint112 r0, uint112 r1) private {
        if (balance0 > type(uint112).max || balance1 > type(uint112).max) revert Overflow();
        uint32 time = uint32(block.timestamp);
        unchecked {
            uint32 elapsed = time - lastTime;
            if (elapsed > 0 && r0 != 0 && r1 != 0) {
                price0Cumulative += ((uint256(r1) << 112) / r0) * elapsed;
                price1Cumulative += ((uint256(r0) << 112) / r1) * elapsed;
            }
        }
        reserve0 = uint112(balance0);
        reserve1 = uint112(balance1);
        lastTime = time;
        emit Sync(uint112(balance0), uint112(balance1));
    }
}
