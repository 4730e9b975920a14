//! A network namespace per validator, so that partitions are made by pulling cables.
//!
//! ```text
//!   our namespace      dcctl (bridge, 10.213.8.1) ── RPC of every validator, always reachable
//!                        │ dcc0 … dcc19
//!   dcchaos0 …         [ctl 10.213.8.10+i]  validator  [p2p 10.213.7.10+i]
//!                                                        │ dcp0 … dcp19
//!   dcswitch           dcside0, dcside1 (bridges): peers on the same side hear each other
//! ```
//!
//! The switch is a namespace too: in ours, a packet filter (Docker's, for one) may drop what bridges forward.
//!
//! Names and addresses are fixed: whatever an interrupted run left is found by name and removed by the next, and only
//! that. One such network at a time.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::spec::Place;

/// Bridge of the RPC.
const CONTROL: &str = "dcctl";
/// The namespace of the bridges between peers.
const SWITCH: &str = "dcswitch";
/// Most validators.
const MOST: usize = 20;

fn side_name(side: usize) -> String {
    format!("dcside{side}")
}

fn space(i: usize) -> String {
    format!("dcchaos{i}")
}

fn control_cable(i: usize) -> String {
    format!("dcc{i}")
}

fn peer_cable(i: usize) -> String {
    format!("dcp{i}")
}

/// Namespaces with their cables; removed when dropped.
#[derive(Debug)]
pub struct Namespaces {
    n: usize,
}

impl Namespaces {
    /// Makes `n` namespaces, all on one side.
    ///
    /// # Errors
    /// When the system refuses: root and the program `ip` are needed.
    pub fn create(n: usize) -> Result<Self> {
        if n > MOST {
            bail!("{n} namespaces: at most {MOST}");
        }
        if !nix::unistd::Uid::effective().is_root() {
            bail!("network namespaces need root");
        }
        Self::clean();
        // From here on the drop removes what is there.
        let made = Self { n };
        ip(&["link", "add", CONTROL, "type", "bridge"])?;
        ip(&["link", "set", CONTROL, "up"])?;
        ip(&["addr", "add", "10.213.8.1/24", "dev", CONTROL])?;
        ip(&["netns", "add", SWITCH])?;
        for side in [side_name(0), side_name(1)] {
            ip(&["-n", SWITCH, "link", "add", &side, "type", "bridge"])?;
            ip(&["-n", SWITCH, "link", "set", &side, "up"])?;
        }
        for i in 0..n {
            let (space, control, peer) = (space(i), control_cable(i), peer_cable(i));
            ip(&["netns", "add", &space])?;
            ip(&["-n", &space, "link", "set", "lo", "up"])?;
            ip(&["link", "add", &control, "type", "veth", "peer", "name", "ctl", "netns", &space])?;
            ip(&["link", "set", &control, "master", CONTROL, "up"])?;
            ip(&["-n", SWITCH, "link", "add", &peer, "type", "veth", "peer", "name", "p2p", "netns", &space])?;
            ip(&["-n", SWITCH, "link", "set", &peer, "master", &side_name(0), "up"])?;
            for (inside, address) in
                [("ctl", format!("10.213.8.{}/24", 10 + i)), ("p2p", format!("10.213.7.{}/24", 10 + i))]
            {
                ip(&["-n", &space, "addr", "add", &address, "dev", inside])?;
                ip(&["-n", &space, "link", "set", inside, "up"])?;
            }
        }
        Ok(made)
    }

    /// Where the validators live.
    #[must_use]
    pub fn places(&self) -> Vec<Place> {
        let place = |i| Place {
            host: format!("10.213.8.{}", 10 + i),
            p2p_host: format!("10.213.7.{}", 10 + i),
            netns: Some(space(i)),
        };
        (0..self.n).map(place).collect()
    }

    /// Puts a validator's cable to its peers on side 0 or 1. What is on its way between the sides is lost in silence,
    /// and connections stay open: what a partition looks like from inside.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn side(&self, i: usize, side: usize) -> Result<()> {
        ip(&["-n", SWITCH, "link", "set", &peer_cable(i), "master", &side_name(side)])
    }

    /// Plugs a validator's cable to its peers in or out.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn cable(&self, i: usize, plugged: bool) -> Result<()> {
        ip(&["-n", SWITCH, "link", "set", &peer_cable(i), if plugged { "up" } else { "down" }])
    }

    /// Removes whatever has our names.
    pub fn clean() {
        let spaces = Command::new("ip").args(["netns", "list"]).output();
        let spaces = spaces.map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default();
        let links = Command::new("ip").args(["-o", "link", "show"]).output();
        let links = links.map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default();
        let has_link = |name: &str| links.contains(&format!(" {name}:")) || links.contains(&format!(" {name}@"));
        for name in (0..MOST).map(space).chain([SWITCH.to_owned()]) {
            if spaces.split_whitespace().any(|word| word == name) {
                // Its ends of the cables go with it.
                let _ = ip(&["netns", "del", &name]);
            }
        }
        for link in (0..MOST).map(control_cable).chain([CONTROL.to_owned()]).filter(|link| has_link(link)) {
            // A cable may go with its other end at this very moment.
            let _ = ip(&["link", "del", &link]);
        }
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        Self::clean();
    }
}

fn ip(args: &[&str]) -> Result<()> {
    let output = Command::new("ip").args(args).output().context("cannot run `ip` (Debian package iproute2)")?;
    if output.status.success() {
        return Ok(());
    }
    bail!("ip {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr).trim())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn names_fit_into_what_the_system_takes_for_an_interface() {
        for name in [control_cable(MOST), peer_cable(MOST), side_name(1), CONTROL.to_owned()] {
            assert!(name.len() < 16, "{name}");
        }
    }

    #[test]
    fn too_many_namespaces_are_refused_before_anything_is_made() {
        assert!(Namespaces::create(MOST + 1).unwrap_err().to_string().contains("at most 20"));
    }
}
