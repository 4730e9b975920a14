// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title Staking and dividends, at 0x0000000000000000000000000000000000000105.
/// @notice Amounts are wei (1 DEF = 10^18). Times are seconds since 1970, months are YYYYMM (or running numbers on networks
/// whose months are a fixed number of days). A position is named by its owner and an id; ids ascend from 0 for each owner and
/// are never used again. Every function fails with a reason that gives the figures. Functions that end in `For` may be called
/// by anyone and pay the owner. Reach acting functions by a plain call.
interface IStaking {
    /// @notice Everything about a position, as of the present block.
    struct Position {
        /// @dev Number of the position.
        uint256 id;
        /// @dev Wei at its creation, and what was compounded since.
        uint256 initialAmount;
        /// @dev Wei it holds: staked while it runs; afterwards locked, and unlocked but not taken.
        uint256 amount;
        /// @dev Wei at the end of its term; 0 before.
        uint256 finishedAmount;
        /// @dev When it was staked.
        uint256 startTime;
        /// @dev Term, 1 to 12 years.
        uint256 numYears;
        /// @dev When its term is over: the begin of a day.
        uint256 endTime;
        /// @dev Month of the last withdrawal or dividend; 0 for none.
        uint256 lastClaimed;
        /// @dev Wei withdrawn in the present month.
        uint256 claimedStaking;
        /// @dev Wei of dividends taken in the present month.
        uint256 claimedDividends;
        /// @dev Whether its dividends are compounded every month.
        bool autoCompound;
        /// @dev The validator it is bound to; zero for none.
        address validator;
        /// @dev 0: no weight for a validator; 1: counts from the next epoch; 2: counts; 3: unbinds.
        uint256 bond;
        /// @dev Milliseconds of the age clock at which it is unbound; 0 unless it unbinds.
        uint256 unbindingUntil;
        /// @dev Whether its term is over.
        bool ended;
        /// @dev Wei that the present month still allows to be withdrawn; 0 once the term is over.
        uint256 withdrawable;
        /// @dev Wei that unlocked and may be taken or restaked.
        uint256 unlocked;
        /// @dev Wei of a validator's income that may be claimed.
        uint256 income;
    }

    /// @notice A position was opened. `validator` is zero unless it is bound from the begin.
    event Staked(address indexed owner, uint256 indexed id, uint256 amount, uint256 numYears, address indexed validator);
    /// @notice A position has a longer term.
    event Extended(address indexed owner, uint256 indexed id, uint256 numYears, uint256 endTime);
    /// @notice A monthly withdrawal was paid to the owner.
    event Withdrawn(address indexed owner, uint256 indexed id, uint256 amount);
    /// @notice What unlocked after the term was paid to the owner.
    event Unlocked(address indexed owner, uint256 indexed id, uint256 amount);
    /// @notice What unlocked after the term was staked anew; `Staked` follows.
    event Restaked(address indexed owner, uint256 indexed id, uint256 amount);
    /// @notice A position that held nothing any more was closed on demand.
    event Closed(address indexed owner, uint256 indexed id);
    /// @notice A position is bound to a validator and counts for it from the next epoch.
    event Bound(address indexed owner, uint256 indexed id, address indexed validator, uint256 amount);
    /// @notice A position leaves a validator; it is free at `untilAge` milliseconds of the age clock.
    event Unbinding(address indexed owner, uint256 indexed id, address indexed validator, uint256 untilAge);
    /// @notice A position left a validator.
    event Unbound(address indexed owner, uint256 indexed id, address indexed validator);
    /// @notice `amount` wei of all that is bound to a validator were taken, by the fraction given.
    event Slashed(address indexed validator, uint256 amount, uint256 numerator, uint256 denominator);
    /// @notice A validator's income was paid to the owner of a position.
    event IncomeClaimed(address indexed owner, uint256 indexed id, uint256 amount);
    /// @notice The dividend pool and beta of a month were fixed.
    event MonthBegan(uint256 indexed month, uint256 pool, uint256 beta);
    /// @notice A dividend was paid to the owner.
    event DividendsClaimed(address indexed owner, uint256 indexed id, uint256 indexed month, uint256 amount);
    /// @notice A dividend was added to its position.
    event Compounded(address indexed owner, uint256 indexed id, uint256 indexed month, uint256 amount);
    /// @notice Auto-compounding of a position was switched.
    event AutoCompoundSet(address indexed owner, uint256 indexed id, bool on);

    /// @notice Stakes the value sent, at least 1 DEF, without commission. Below 12 years 1 % of it opens a second position of
    /// 12 years.
    /// @param numYears Term, 1 to 12.
    /// @return id The position.
    /// @return attentionId The second position; the greatest uint256 when there is none.
    function stake(uint256 numYears) external payable returns (uint256 id, uint256 attentionId);

    /// @notice Gives a position of the caller a longer term, before it ends. The term counts from its begin.
    /// @param numYears The whole term, above the present one, at most 12.
    function extend(uint256 id, uint256 numYears) external;

    /// @notice Stakes anew all that has unlocked of an ended position of the caller, at least 1 DEF; 1 % of it goes into a
    /// position of 12 years, as in `stake`.
    function restake(uint256 id, uint256 numYears) external returns (uint256 newId, uint256 attentionId);

    /// @notice Pays what the month still allows: the initial amount over the months of the term, from the month after staking;
    /// everything when less than one allowance would be left.
    /// @return amount Wei paid.
    function withdraw(uint256 id) external returns (uint256 amount);

    /// @notice Pays a part of what the month still allows.
    function withdrawPart(uint256 id, uint256 amount) external returns (uint256);

    /// @notice `withdraw` for anyone's position, paid to its owner.
    function withdrawFor(address owner, uint256 id) external returns (uint256 amount);

    /// @notice Pays what has unlocked since the end of the term: linearly, by whole days, over 30 days for each year of term.
    /// @return amount Wei paid.
    function unlock(uint256 id) external returns (uint256 amount);

    /// @notice `unlock` for anyone's position, paid to its owner.
    function unlockFor(address owner, uint256 id) external returns (uint256 amount);

    /// @notice Closes a position that holds nothing and of which nothing can be claimed, so that it does not count among the
    /// 256 an account may have.
    function close(address owner, uint256 id) external;

    /// @notice Pays the month's dividend of a position of at least 30 days that was there at the month's begin.
    /// @return amount Wei paid.
    function claimDividends(uint256 id) external returns (uint256 amount);

    /// @notice `claimDividends` for anyone's position, paid to its owner.
    function claimDividendsFor(address owner, uint256 id) external returns (uint256 amount);

    /// @notice Pays the month's dividends of all positions of the caller that have one.
    /// @return amount Wei paid.
    function claimAllDividends() external returns (uint256 amount);

    /// @notice `claimAllDividends` for anyone, paid to the owner.
    function claimAllDividendsFor(address owner) external returns (uint256 amount);

    /// @notice Adds the month's dividend to the running position it belongs to.
    /// @return amount Wei added.
    function compound(uint256 id) external returns (uint256 amount);

    /// @notice `compound` for anyone's position.
    function compoundFor(address owner, uint256 id) external returns (uint256 amount);

    /// @notice Switches whether a running position of the caller is compounded every month by the chain itself.
    function setAutoCompound(uint256 id, bool on) external;

    /// @notice Everything about an open position.
    function position(address owner, uint256 id) external view returns (Position memory);

    /// @notice Ids of the open positions of an owner, ascending: the order of getStakingPositions and calculateDividends.
    function positionIds(address owner) external view returns (uint256[] memory);

    /// @notice Sums over all positions.
    /// @return staked Wei of all positions, unlocked but not taken ones included.
    /// @return beta Sum of amount times dividend multiplier, the locked part of ended positions at 1.
    /// @return betaPoD Sum of amount times years over running positions.
    /// @return positions Number of open positions.
    function totals() external view returns (uint256 staked, uint256 beta, uint256 betaPoD, uint256 positions);

    /// @notice Wei of this month's dividend that a position may claim now.
    function dividendOf(address owner, uint256 id) external view returns (uint256);

    /// @notice What was fixed at the begin of a month.
    /// @return pool Wei of the dividend pool.
    /// @return beta The sum that shares in it.
    /// @return claimed Wei claimed and compounded so far.
    /// @return time When it was fixed.
    function monthOf(uint256 month) external view returns (uint256 pool, uint256 beta, uint256 claimed, uint256 time);
}
