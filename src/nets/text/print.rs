//! Writes a graph as a text.

use super::by_x;
use crate::nets::graph::{Convolution, Graph, Op};
use std::fmt::{self, Display};

/// The text of the graph; parsing it returns the same graph.
impl Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "input {}", by_x(&self.input))?;
        let named = self.nodes.iter().filter(|node| node.is_named);
        let width = named.map(|node| node.name.len()).max().unwrap_or(0);
        for (i, node) in self.nodes.iter().enumerate() {
            let name = if node.is_named { &node.name } else { "" };
            if width > 0 {
                write!(f, "{name:<width$}  ")?;
            }
            write!(f, "{}", OperationText { op: &node.op, shape: &node.shape })?;
            if node.inputs != [i] {
                write!(f, " of")?;
                for value in &node.inputs {
                    write!(f, " {}", if *value == 0 { "in" } else { &self.nodes[value - 1].name })?;
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

/// An operation as a text writes it; `shape` is the shape of its output.
struct OperationText<'a> {
    op: &'a Op,
    shape: &'a [usize],
}

impl Display for OperationText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let option = |f: &mut fmt::Formatter<'_>, name: &str, value: [usize; 2], default: [usize; 2]| {
            if value == default {
                return Ok(());
            }
            let value = if value[0] == value[1] { value[0].to_string() } else { by_x(&value) };
            write!(f, " {name} {value}")
        };
        match self.op {
            Op::Conv2d(Convolution { layer, window, groups }) => {
                write!(f, "conv {} {}", self.shape[0], by_x(&window.kernel))?;
                option(f, "stride", window.stride, [1, 1])?;
                option(f, "pad", window.padding, [0, 0])?;
                option(f, "dilation", window.dilation, [1, 1])?;
                option(f, "groups", [*groups; 2], [1, 1])?;
                f.write_str(if layer.bias.is_some() { " bias" } else { "" })?;
                f.write_str(if layer.unquantized { " unquantized" } else { "" })
            }
            Op::Dense(layer) => {
                write!(f, "dense {}", self.shape[0])?;
                f.write_str(if layer.bias.is_some() { " bias" } else { "" })?;
                f.write_str(if layer.unquantized { " unquantized" } else { "" })
            }
            Op::MaxPool(pool) | Op::AvgPool(pool) => {
                let name = if matches!(self.op, Op::MaxPool(_)) { "max-pool" } else { "avg-pool" };
                write!(f, "{name} {}", by_x(&pool.kernel))?;
                option(f, "stride", pool.stride, pool.kernel)?;
                option(f, "pad", pool.padding, [0, 0])?;
                f.write_str(if pool.ceil_mode { " ceil-mode" } else { "" })?;
                f.write_str(if pool.count_include_pad { "" } else { " exclude-pad" })
            }
            Op::Norm(_) => f.write_str("norm"),
            Op::Relu => f.write_str("relu"),
            Op::Flatten => f.write_str("flatten"),
            Op::Add => f.write_str("add"),
            Op::Concat => f.write_str("concat"),
        }
    }
}
