//! Values that people and programs may give for an option that takes a number.

pub const EXTREMES: [&str; 16] = [
    "",
    "0",
    "-0",
    "-1",
    "0.5",
    "5e-324",
    "1e-400",
    "1e308",
    "1e400",
    "-1e400",
    "nan",
    "-inf",
    "4294967296",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999999999999999999999999999999",
];
