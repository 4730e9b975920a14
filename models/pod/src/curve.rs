//! The picture of the decay curve in the book, drawn from the rule: `cargo xtask model --picture FILE`.

use core::fmt::Write;

use crate::rules::burn::{LIFE_DAYS, PRESERVED};

const LEFT: u128 = 64;
const TOP: u128 = 72;
const DAY: u128 = 64;
const HEIGHT: u128 = 250;
const WIDTH: u128 = LEFT + DAY * (LIFE_DAYS as u128 + 1) + 24;

/// Where a percentage lies, from the top.
const fn y(percent: u128) -> u128 {
    TOP + HEIGHT - HEIGHT * percent / 100
}

/// Steps, because value falls at whole days only.
#[must_use]
pub fn svg() -> String {
    let mut out = String::new();
    let (right, bottom) = (LEFT + DAY * (u128::from(LIFE_DAYS) + 1), y(0));
    let total = bottom + 58;
    // Writing into a string does not fail.
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {total}\" role=\"img\" \
         font-family=\"system-ui, sans-serif\" font-size=\"13\">\n\
         <title>What 100 DEF are worth by whole days since they were received</title>\n\
         <rect width=\"{WIDTH}\" height=\"{total}\" rx=\"8\" fill=\"#ffffff\"/>\n\
         <text x=\"{LEFT}\" y=\"30\" font-size=\"16\" font-weight=\"600\" fill=\"#1c2733\">What 100 DEF are worth when nobody moves them</text>\n"
    );
    for percent in [0, 25, 50, 75, 100] {
        let at = y(percent);
        let _ = write!(
            out,
            "<line x1=\"{LEFT}\" y1=\"{at}\" x2=\"{right}\" y2=\"{at}\" stroke=\"#dde3ea\"/>\n\
             <text x=\"{}\" y=\"{}\" text-anchor=\"end\" fill=\"#5b6875\">{percent} %</text>\n",
            LEFT - 8,
            at + 4
        );
    }
    // Down to the day's worth, then along the day.
    let mut line = format!("M{LEFT} {}", y(100));
    for (day, percent) in (0..).zip(PRESERVED) {
        let _ = write!(line, " V{} H{}", y(percent), LEFT + DAY * (day + 1));
    }
    let _ = write!(
        out,
        "<path d=\"{line} V{bottom} H{LEFT} Z\" fill=\"#d1495b\" fill-opacity=\"0.14\"/>\n\
         <path d=\"{line}\" fill=\"none\" stroke=\"#b8293d\" stroke-width=\"2.5\" stroke-linejoin=\"round\"/>\n"
    );
    for (day, percent) in (0..).zip(PRESERVED) {
        let middle = LEFT + DAY * day + DAY / 2;
        let above = y(percent) - 8;
        let _ = write!(
            out,
            "<text x=\"{middle}\" y=\"{above}\" text-anchor=\"middle\" font-weight=\"600\" fill=\"#1c2733\">{percent}</text>\n\
             <text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\" fill=\"#5b6875\">{day}{}</text>\n",
            bottom + 20,
            if day == u128::from(LIFE_DAYS) { "+" } else { "" }
        );
    }
    let _ = write!(
        out,
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\" fill=\"#5b6875\">whole days since they were received</text>\n</svg>\n",
        (LEFT + right) / 2,
        bottom + 44
    );
    out
}
