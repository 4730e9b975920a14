import { buildModule } from "@nomicfoundation/hardhat-ignition/modules";

/// Everything: the token, its government, the deeds, and a register behind a proxy that the government may upgrade.
export default buildModule("Civic", (m) => {
  const admin = m.getAccount(0);
  const supply = m.getParameter("supply", 1_000_000n * 10n ** 18n);
  const delay = m.getParameter("votingDelay", 24 * 3_600);
  const period = m.getParameter("votingPeriod", 7 * 24 * 3_600);
  const wait = m.getParameter("timelockDelay", 2 * 24 * 3_600);
  const price = m.getParameter("deedPrice", 15n * 10n ** 17n);

  const token = m.contract("CivicTokenByTime", [admin, supply]);
  const timelock = m.contract("CivicTimelock", [wait, [], ["0x0000000000000000000000000000000000000000"], admin]);
  const governor = m.contract("CivicGovernor", [token, timelock, delay, period]);
  const parameters = m.contract("Parameters", [timelock]);
  const deeds = m.contract("LandDeed", [admin, price]);

  const proposer = m.call(timelock, "grantRole", [m.staticCall(timelock, "PROPOSER_ROLE"), governor], { id: "letGovernorPropose" });
  const canceller = m.call(timelock, "grantRole", [m.staticCall(timelock, "CANCELLER_ROLE"), governor], { id: "letGovernorCancel" });
  m.call(timelock, "renounceRole", [m.staticCall(timelock, "DEFAULT_ADMIN_ROLE"), admin], { after: [proposer, canceller] });
  m.call(token, "delegate", [admin]);

  const implementation = m.contract("Register");
  const proxy = m.contract("ERC1967Proxy", [implementation, m.encodeFunctionCall(implementation, "initialize", [timelock])]);
  const register = m.contractAt("Register", proxy, { id: "RegisterBehindProxy" });

  return { token, timelock, governor, parameters, deeds, register };
});
