//! Axes: they map values to positions in [0, 1], and choose ticks.

/// How an axis maps values to positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scale {
    Linear,
    /// Linear, with ticks at whole numbers from 1 on.
    Whole,
    Log10,
}

/// A range of values, linear or logarithmic.
#[derive(Clone, Copy, Debug)]
pub struct Axis {
    scale: Scale,
    /// The ends, as values (linear) or as their logarithms to base 10 (logarithmic).
    low: f64,
    high: f64,
    /// Whether a logarithmic axis has a place for 0: its low end.
    has_zero: bool,
}

/// A logarithmic axis that shows 0 begins, at the place of 0, below its smallest positive value: by this factor or, if
/// that is lower, by this share of the distance between its smallest and its largest positive value.
const BELOW_SMALLEST: (f64, f64) = (2.0, 0.12);

/// Values of this magnitude or above are treated as infinite, so that no difference of two values overflows.
const LARGEST: f64 = 1e300;

impl Axis {
    /// A linear axis over the finite values of `values`, or over [0, 1] if there are none, with a margin.
    pub fn linear(values: impl IntoIterator<Item = f64>) -> Axis {
        let (low, high) = ends(values.into_iter().filter(|v| v.abs() < LARGEST)).unwrap_or((0.0, 1.0));
        // Equal values get a range in proportion to their size. No range is so narrow that its ticks have the same
        // label.
        let margin = if high - low > 1e-6 * low.abs().max(high.abs()) {
            0.04 * (high - low)
        } else if high == 0.0 {
            1.0
        } else {
            0.1 * low.abs().max(high.abs())
        };
        Axis { scale: Scale::Linear, low: low - margin, high: high + margin, has_zero: false }
    }

    /// A linear axis from 0 to the largest finite value of `values`, with a margin above it; from 0 to 1 if no value is
    /// positive.
    pub fn from_zero(values: impl IntoIterator<Item = f64>) -> Axis {
        let positive = values.into_iter().filter(|&v| v > 0.0 && v < LARGEST);
        let high = ends(positive).map_or(1.0, |(_, largest)| 1.04 * largest);
        Axis { scale: Scale::Linear, low: 0.0, high, has_zero: false }
    }

    /// A logarithmic axis over the positive, finite values of `values`, or over [0.1, 10] if there are none, with a
    /// margin. If 0 is among the values, it has the lowest tick, at the low end.
    pub fn log10(values: impl IntoIterator<Item = f64>) -> Axis {
        let mut has_zero = false;
        let values = values.into_iter().inspect(|v| has_zero |= *v == 0.0);
        let powers = values.filter(|&v| v > 0.0 && v < LARGEST).map(f64::log10);
        let (low, high) = ends(powers).unwrap_or((-1.0, 1.0));
        let margin = if high - low > 0.1 { 0.05 * (high - low) } else { 0.3 };
        let (times, share) = BELOW_SMALLEST;
        let below = if has_zero { times.log10().max(share * (high - low)) } else { margin };
        Axis { scale: Scale::Log10, low: low - below, high: high + margin, has_zero }
    }

    /// A linear axis for epochs 1 to `count`, with ticks at whole numbers.
    pub fn epochs(count: usize) -> Axis {
        let last = count.max(1) as f64;
        let margin = if count > 1 { 0.03 * (last - 1.0) } else { 0.5 };
        Axis { scale: Scale::Whole, low: 1.0 - margin, high: last + margin, has_zero: false }
    }

    /// The values at the ends of the axis.
    pub fn ends(self) -> (f64, f64) {
        match self.scale {
            Scale::Linear | Scale::Whole => (self.low, self.high),
            Scale::Log10 => (10f64.powf(self.low), 10f64.powf(self.high)),
        }
    }

    /// Position of `value`, 0 at the low end and 1 at the high end; none for a value off the axis or not finite.
    /// On a logarithmic axis 0, which is below all values, is placed at the low end.
    pub fn place(self, value: f64) -> Option<f64> {
        let at = match self.scale {
            Scale::Log10 if value == 0.0 => self.low,
            Scale::Log10 => value.log10(),
            Scale::Linear | Scale::Whole => value,
        };
        let position = (at - self.low) / (self.high - self.low);
        (0.0..=1.0).contains(&position).then_some(position)
    }

    /// At most `most` ticks, ascending.
    pub fn ticks(self, most: usize) -> Vec<f64> {
        match self.scale {
            Scale::Linear => linear_ticks(self.low, self.high, most),
            Scale::Whole => {
                let ticks = linear_ticks(self.low, self.high, most);
                ticks.into_iter().filter(|&tick| tick >= 1.0 && tick.fract() == 0.0).collect()
            }
            Scale::Log10 => {
                let zero = self.has_zero.then_some(0.0);
                let ticks = log_ticks(self.low, self.high, most.saturating_sub(zero.iter().len()));
                zero.into_iter().chain(ticks).collect()
            }
        }
    }

    /// The labels of these ticks of the axis. Ticks at equal distances have the same number of decimals.
    pub fn labels(self, ticks: &[f64]) -> Vec<String> {
        let is_even = match self.scale {
            Scale::Linear | Scale::Whole => true,
            // Ticks of a short logarithmic axis are at equal distances.
            Scale::Log10 => self.high - self.low < 0.7,
        };
        if is_even { labels(ticks, 9) } else { ticks.iter().map(|tick| label(*tick, 9)).collect() }
    }

    /// The values at which a logarithmic axis has short marks without a label: 2, 3 … 9 · 10^k or, on an axis of more
    /// than `decades` powers of ten, the powers. Their distances, which shrink towards the next power, show that the
    /// axis is logarithmic. None on a linear axis.
    pub fn marks(self, decades: usize) -> Vec<f64> {
        if self.scale != Scale::Log10 || !(self.high > self.low && self.high - self.low < LONGEST) {
            return Vec::new();
        }
        let digits: &[f64] =
            if self.high - self.low <= decades as f64 { &[1., 2., 3., 4., 5., 6., 7., 8., 9.] } else { &[1.] };
        multiples(digits, (1, 0), self.low, self.high)
    }
}

/// The largest number of powers of ten on a logarithmic axis that has ticks.
const LONGEST: f64 = 1000.0;

/// The smallest and the largest of `values`; none if there are none.
fn ends(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |ends, v| match ends {
        None => Some((v, v)),
        Some((low, high)) => Some((v.min(low), v.max(high))),
    })
}

/// The multiples in [low, high] of the smallest step 1, 2, 2.5 or 5 · 10^k that gives at most `most` of them; from
/// `most` = 3 on there are two or more.
pub fn linear_ticks(low: f64, high: f64, most: usize) -> Vec<f64> {
    let span = high - low;
    // Within these bounds no power of ten below overflows.
    if !(1.0 / LARGEST..LARGEST).contains(&span) || most == 0 {
        return Vec::new();
    }
    let power = (span / most as f64).log10().floor() as i32;
    for (digit, power) in [(1, power), (2, power), (25, power - 1), (5, power), (1, power + 1), (2, power + 1)] {
        // Ticks i · digit · 10^power, by a division where the power is negative: 3/10 is the number nearest to
        // 0.3, while 3 · 0.1 is not.
        let tick = |i: i64| match power {
            0.. => (i * digit) as f64 * 10f64.powi(power),
            _ => (i * digit) as f64 / 10f64.powi(-power),
        };
        let step = tick(1);
        let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
        if last.saturating_sub(first) < most as i64 {
            return (first..=last).map(tick).collect();
        }
    }
    Vec::new()
}

/// Ticks between 10^`low` and 10^`high`: of the series below, the first that has at most `most` ticks and at least
/// three; if there is none, the first with two; else the first with one. In a series k is any whole number:
///
/// - 1, 2, 5 · 10^k; then 1, 2, 3, 5, 7 · 10^k; then 10^k; then 1, 3 · 10^k
/// - every n-th power of ten, n the smallest number for which this gives at most `most` ticks
/// - 3 · 10^k
/// - ticks at equal distances, if the range is shorter than a power of ten
pub fn log_ticks(low: f64, high: f64, most: usize) -> Vec<f64> {
    if !(high > low && high - low < LONGEST) || most == 0 {
        return Vec::new();
    }
    let mut series: Vec<Vec<f64>> = [&[1.0, 2.0, 5.0][..], &[1.0, 2.0, 3.0, 5.0, 7.0], &[1.0], &[1.0, 3.0]]
        .into_iter()
        .map(|digits| multiples(digits, (1, 0), low, high))
        .collect();
    let longest = (high - low).ceil() as i32 + 1;
    let of_stride = |stride| (0..stride).map(move |phase| multiples(&[1.0], (stride, phase), low, high));
    // The smallest stride that gives at most `most` ticks: larger strides give fewer.
    series.extend((1..=longest).map(of_stride).find_map(|phases| {
        let fitting = phases.filter(|ticks| ticks.len() <= most);
        // The phase with the most ticks; of several such phases the first.
        fitting.reduce(|best, ticks| if ticks.len() > best.len() { ticks } else { best })
    }));
    series.push(multiples(&[3.0], (1, 0), low, high));
    if high - low < 1.0 {
        series.push(linear_ticks(10f64.powf(low), 10f64.powf(high), most));
    }
    let least = |least: usize| series.iter().find(|ticks| (least..=most).contains(&ticks.len()));
    least(3).or_else(|| least(2)).or_else(|| least(1)).cloned().unwrap_or_default()
}

/// The multiples digit · 10^k in [10^`low`, 10^`high`] for which k is `phase` more than a multiple of `stride`,
/// ascending.
fn multiples(digits: &[f64], (stride, phase): (i32, i32), low: f64, high: f64) -> Vec<f64> {
    let (from, to) = (10f64.powf(low), 10f64.powf(high));
    (low.floor() as i32..=high.ceil() as i32)
        .filter(|power| power.rem_euclid(stride) == phase)
        .flat_map(|power| {
            digits.iter().map(move |digit| match power {
                0.. => digit * 10f64.powi(power),
                _ => digit / 10f64.powi(-power),
            })
        })
        .filter(|tick| tick.is_normal() && (from..=to).contains(tick))
        .collect()
}

/// `value` as text for a reader, to `digits` significant digits: −0.2, 12,500, 3·10⁻⁷.
pub fn label(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return if value.is_nan() {
            "NaN"
        } else if value > 0.0 {
            "∞"
        } else {
            "−∞"
        }
        .to_string();
    }
    let scientific = format!("{:.*e}", digits.saturating_sub(1), value.abs());
    let (mantissa, power) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    let trim = |s: &str| match s.contains('.') {
        true => s.trim_end_matches('0').trim_end_matches('.').to_string(),
        false => s.to_string(),
    };
    let magnitude = if value == 0.0 {
        "0".to_string()
    } else if (-4..5).contains(&power) {
        // Rounded first, so that 9.996 to three digits is 10 and not 9.996 or 10.00.
        let rounded: f64 = scientific.parse().unwrap_or(value.abs());
        let decimals = (digits as i32 - 1 - power).max(0) as usize;
        let fixed = format!("{rounded:.decimals$}");
        let (whole, fraction) = fixed.split_once('.').unwrap_or((&fixed, ""));
        trim(&format!("{}.{fraction}", thousands(whole)))
    } else {
        match trim(mantissa).as_str() {
            "1" => format!("10{}", superscript(power)),
            mantissa => format!("{mantissa}·10{}", superscript(power)),
        }
    };
    if value < 0.0 { format!("−{magnitude}") } else { magnitude }
}

/// `values` as texts in one row, all with one number of decimals. The value of the largest magnitude gets `digits`
/// significant digits. There are more decimals if neighbouring values that differ would have the same text; zeros in
/// which all texts end are left out. The value 0 is written `0`. If the largest magnitude is too small or too large for
/// decimals, each text is that of [`label`].
pub fn labels(values: &[f64], digits: usize) -> Vec<String> {
    let largest = values.iter().filter(|value| value.is_finite()).map(|value| value.abs()).fold(0.0, f64::max);
    let power = largest.log10().floor();
    if !(-4.0..5.0).contains(&power) {
        return values.iter().map(|value| label(*value, digits)).collect();
    }
    let fixed =
        |decimals: usize| -> Vec<String> { values.iter().map(|value| with_decimals(*value, decimals)).collect() };
    let differ = |texts: &[String]| {
        let pairs = values.windows(2).zip(texts.windows(2));
        pairs.into_iter().all(|(values, texts)| values[0] == values[1] || texts[0] != texts[1])
    };
    let enough = (digits as i32 - 1 - power as i32).max(0) as usize;
    let decimals = (enough..enough + 4).find(|decimals| differ(&fixed(*decimals))).unwrap_or(enough);
    let needed = |text: &String| text.split_once('.').map_or(0, |(_, fraction)| fraction.trim_end_matches('0').len());
    fixed(fixed(decimals).iter().map(needed).max().unwrap_or(0))
}

/// `value` with this number of decimals; the value 0 is written `0`.
fn with_decimals(value: f64, decimals: usize) -> String {
    if value == 0.0 || !value.is_finite() {
        return label(value, 1);
    }
    let fixed = format!("{:.decimals$}", value.abs());
    let (whole, fraction) = fixed.split_at(fixed.find('.').unwrap_or(fixed.len()));
    let is_zero = !fixed.bytes().any(|digit| (b'1'..=b'9').contains(&digit));
    format!("{}{}{fraction}", if value < 0.0 && !is_zero { "−" } else { "" }, thousands(whole))
}

/// `count` with its digits in groups of three: 235,200.
pub fn count(count: usize) -> String {
    thousands(&count.to_string())
}

fn thousands(digits: &str) -> String {
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn superscript(power: i32) -> String {
    power
        .to_string()
        .chars()
        .map(|c| match c.to_digit(10) {
            Some(digit) => ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'][digit as usize],
            None => '⁻',
        })
        .collect()
}
