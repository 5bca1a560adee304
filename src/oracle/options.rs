//! The options of an operation: `--name value`, each with a default.

use super::catalogue::COMMON;
use crate::error::{Error, Result};
use crate::kernels::Way;
use crate::scalar::Real;
use crate::scalar::real::seen_in;
use std::str::FromStr;

/// One option.
#[derive(Clone, Copy, Debug)]
pub struct OptionSpec {
    /// Its name, without dashes.
    pub name: &'static str,
    /// The values that it accepts, in words.
    pub values: &'static str,
    /// Its value if it is not given; empty if it has no default.
    pub default: &'static str,
}

/// The options of an operation: the values given, and the defaults of the other options.
#[derive(Debug)]
pub struct Options {
    values: Vec<(OptionSpec, String)>,
    /// Whether definitions or kernels compute the operation.
    way: Way,
}

impl Options {
    /// The options `given`, and the defaults of the other options in `specs`. Definitions compute the operation unless
    /// [`by`](Self::by) is called.
    ///
    /// # Errors
    /// If an option is not one of `specs`, has no value, or is given twice.
    pub fn new(specs: &[OptionSpec], given: &[(String, String)]) -> Result<Self> {
        let names = specs.iter().chain(COMMON).map(|spec| spec.name).collect::<Vec<_>>().join(", ");
        for (i, (name, value)) in given.iter().enumerate() {
            let Some(spec) = specs.iter().find(|spec| spec.name == name) else {
                return Err(Error::option("option", names, name));
            };
            if value.is_empty() {
                return Err(Error::option(name, spec.values, "no value"));
            }
            if given[..i].iter().any(|(earlier, _)| earlier == name) {
                return Err(Error::option(name, "one value", "two"));
            }
        }
        let value = |spec: &OptionSpec| {
            let given = given.iter().find(|(name, _)| name == spec.name);
            given.map_or_else(|| spec.default.to_string(), |(_, value)| value.clone())
        };
        Ok(Self { values: specs.iter().map(|spec| (*spec, value(spec))).collect(), way: Way::Definition })
    }

    /// The same options for an operation that is computed this way. Without this call definitions compute it.
    pub fn by(self, way: Way) -> Self {
        Self { way, ..self }
    }

    /// Whether definitions or kernels compute the operation.
    pub fn way(&self) -> Way {
        self.way
    }

    fn get(&self, name: &str) -> &(OptionSpec, String) {
        self.values.iter().find(|(spec, _)| spec.name == name).expect("an operation asks for its own options")
    }

    /// The value as it was given; empty if there is no default.
    pub fn text(&self, name: &str) -> &str {
        &self.get(name).1
    }

    /// The value as a number.
    ///
    /// # Errors
    /// If it is not a number.
    pub fn number<T: FromStr>(&self, name: &str) -> Result<T> {
        let (spec, value) = self.get(name);
        value.parse().map_err(|_| Error::option(name, spec.values, format!("{value:?}")))
    }

    /// The value as a number, rounded to the precision in which it is used.
    ///
    /// # Errors
    /// If the rounded number is not finite or `holds` returns false for it: 1e-46 is positive, but 0 in f32.
    pub fn real<F: Real>(&self, name: &str, holds: impl Fn(F) -> bool) -> Result<F> {
        Ok(F::of(self.real_for(name, holds)?))
    }

    /// Like [`Options::real`], but returns the number before rounding.
    ///
    /// # Errors
    /// The errors of [`Options::real`].
    pub fn real_for<F: Real>(&self, name: &str, holds: impl Fn(F) -> bool) -> Result<f64> {
        let (spec, value) = self.get(name);
        let Ok(number) = value.parse::<f64>() else {
            return Err(Error::option(name, spec.values, format!("{value:?}")));
        };
        let rounded = F::of(number);
        if rounded.is_finite() && holds(rounded) {
            return Ok(number);
        }
        Err(Error::option(name, spec.values, seen_in::<F>(number)))
    }

    /// The choice that the value names.
    ///
    /// # Errors
    /// If the value is none of the choices.
    pub fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Result<T> {
        let (spec, value) = self.get(name);
        let found = choices.iter().find(|(choice, _)| choice == value);
        found.map(|(_, choice)| *choice).ok_or_else(|| Error::option(name, spec.values, format!("{value:?}")))
    }

    /// The value `N` or `H,W` as two numbers, each at least `least`.
    ///
    /// # Errors
    /// If the value is neither.
    pub fn pair(&self, name: &str, least: usize) -> Result<[usize; 2]> {
        let (spec, value) = self.get(name);
        let sizes: Option<Vec<usize>> =
            value.split(',').map(|size| size.trim().parse().ok().filter(|size| *size >= least)).collect();
        match sizes.as_deref() {
            Some([both]) => Ok([*both, *both]),
            Some([vertical, horizontal]) => Ok([*vertical, *horizontal]),
            _ => Err(Error::option(name, spec.values, format!("{value:?}"))),
        }
    }
}
