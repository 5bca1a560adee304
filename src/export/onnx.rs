//! The model as a graph of ONNX.
//!
//! ```text
//! pixels (N, C, H, W) in [0, 1] → … → logits (N, classes)
//!
//! layer/indices (UINT2, UINT4 or UINT8)
//!     → Cast to INT32 → Gather from layer/levels → Conv or Gemm
//! pixels, where the model standardizes
//!     → Sub the mean → Div by the deviation
//! norm
//!     → Mul by the scale → Add the shift
//! ```
//!
//! The file contains indices; the program that loads it may expand the weights to f32 in memory. Elements of four bits
//! exist since opset 21, elements of two bits since opset 25. In earlier opsets, and for more levels than fit, an index
//! takes a byte.

pub mod messages;

use super::{check_finite, pack};
use crate::error::{Error, Result};
use crate::layers::pool::Pool;
use crate::nets::graph::{Convolution, Node, Op};
use crate::packed::PackedModel;
use crate::packed::model::PackedLayer;
use messages::{
    AttributeProto, Dimension, DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    StringStringEntryProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto, attribute_type,
    data_type,
};
use prost::Message;
use std::ops::RangeInclusive;

/// The opsets (versions of ONNX's set of operators) for which this file writes nodes. A model is written in the first
/// version of the file format that has its opset.
pub const OPSETS: RangeInclusive<i64> = 13..=25;
/// The first opset with elements of four bits, which most programs that support these can read.
pub const DEFAULT_OPSET: i64 = 21;

/// The bytes of the model's file.
///
/// # Errors
/// The errors of [`model`].
pub fn to_bytes(packed: &PackedModel, opset: i64) -> Result<Vec<u8>> {
    Ok(model(packed, opset)?.encode_to_vec())
}

/// The model as messages of ONNX.
///
/// # Errors
/// [`Error::Option`] if `opset` is not in [`OPSETS`], [`Error::Tensor`] if a number of the model is not finite.
pub fn model(packed: &PackedModel, opset: i64) -> Result<ModelProto> {
    if !OPSETS.contains(&opset) {
        return Err(Error::option("opset", format!("{} to {}", OPSETS.start(), OPSETS.end()), opset));
    }
    check_finite(packed)?;
    let mut writer = Writer { packed, opset, graph: GraphProto { name: packed.name.clone(), ..Default::default() } };
    writer.write();
    let entry = |key: &str, value: String| StringStringEntryProto { key: key.to_string(), value };
    Ok(ModelProto {
        ir_version: ir_version(opset),
        producer_name: env!("CARGO_PKG_NAME").to_string(),
        producer_version: env!("CARGO_PKG_VERSION").to_string(),
        doc_string: "pixels (N, C, H, W) in [0, 1] to logits (N, classes)".to_string(),
        graph: Some(writer.graph),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: opset }],
        metadata_props: vec![
            entry("network", packed.graph().to_string()),
            // A JSON array: names may contain any character.
            entry("classes", serde_json::json!(packed.class_names()).to_string()),
        ],
    })
}

/// The first version of the format that has an opset.
fn ir_version(opset: i64) -> i64 {
    match opset {
        ..=14 => 7,
        15..=18 => 8,
        19..=20 => 9,
        21..=22 => 10,
        _ => opset - 12,
    }
}

/// The element type of indices below `levels`, and its bits.
fn index_type(levels: usize, opset: i64) -> (i32, usize) {
    match levels {
        ..=4 if opset >= 25 => (data_type::UINT2, 2),
        ..=16 if opset >= 21 => (data_type::UINT4, 4),
        _ => (data_type::UINT8, 8),
    }
}

/// A graph that is being written. Names of values and constants contain a `/`, which no name in a network's text does.
/// So no value of a node is called `pixels` or `logits`.
struct Writer<'a> {
    packed: &'a PackedModel,
    opset: i64,
    graph: GraphProto,
}

impl Writer<'_> {
    fn write(&mut self) {
        let packed = self.packed;
        let graph = packed.graph();
        self.graph.input.push(value("pixels", &graph.input));
        self.graph.output.push(value("logits", &[graph.classes()]));
        let mut values = vec![self.standardized()];
        for (i, node) in graph.nodes.iter().enumerate() {
            let is_last = i + 1 == graph.nodes.len();
            let output = if is_last { "logits".to_string() } else { format!("{}/output", node.name) };
            let inputs: Vec<String> = node.inputs.iter().map(|input| values[*input].clone()).collect();
            self.operation(node, inputs, &output);
            values.push(output);
        }
    }

    /// The name of the pixels that the first node reads, standardized if the model standardizes.
    fn standardized(&mut self) -> String {
        let pixels = "pixels".to_string();
        let Some(figures) = &self.packed.standardization else { return pixels };
        let shape = [1, figures.mean.len(), 1, 1];
        let mean = self.floats("pixels/mean", &shape, &figures.mean);
        let deviation = self.floats("pixels/deviation", &shape, &figures.deviation);
        let centred = self.node("Sub", "pixels/sub", vec![pixels, mean], "pixels/centred", vec![]);
        self.node("Div", "pixels/div", vec![centred, deviation], "pixels/standardized", vec![])
    }

    /// Appends the ONNX nodes that compute a node of the network.
    fn operation(&mut self, node: &Node, mut inputs: Vec<String>, output: &str) {
        let packed = self.packed;
        let name = &node.name;
        match &node.op {
            Op::Conv2d(Convolution { layer, window, groups }) => {
                self.parameters(&packed.layers()[layer.index], &mut inputs);
                let attributes = vec![
                    ints("kernel_shape", &window.kernel),
                    ints("strides", &window.stride),
                    ints("pads", &[window.padding, window.padding].concat()),
                    ints("dilations", &window.dilation),
                    int("group", *groups as i64),
                ];
                self.node("Conv", name, inputs, output, attributes);
            }
            Op::Dense(layer) => {
                self.parameters(&packed.layers()[layer.index], &mut inputs);
                self.node("Gemm", name, inputs, output, vec![]);
            }
            Op::Norm(of) => {
                let norm = &packed.norms()[of.index];
                // (C), or (C, 1, 1) for images: broadcasting aligns the last sizes.
                let mut shape = vec![1; node.shape.len()];
                shape[0] = norm.scale.len();
                let scale = self.floats(&format!("{name}/scale"), &shape, &norm.scale);
                let shift = self.floats(&format!("{name}/shift"), &shape, &norm.shift);
                inputs.push(scale);
                let scaled = self.node("Mul", &format!("{name}/mul"), inputs, &format!("{name}/scaled"), vec![]);
                self.node("Add", name, vec![scaled, shift], output, vec![]);
            }
            Op::Relu => {
                self.node("Relu", name, inputs, output, vec![]);
            }
            Op::MaxPool(pool) => {
                let windows = windows(pool, packed.graph().shape(node.inputs[0]), &node.shape);
                self.node("MaxPool", name, inputs, output, windows);
            }
            Op::AvgPool(pool) => self.average(node, pool, inputs, output),
            Op::Flatten => {
                self.node("Flatten", name, inputs, output, vec![]);
            }
            Op::Add => {
                self.node(if inputs.len() == 2 { "Add" } else { "Sum" }, name, inputs, output, vec![]);
            }
            Op::Concat => {
                self.node("Concat", name, inputs, output, vec![int("axis", 1)]);
            }
        }
    }

    /// Average pooling. For a window that reaches beyond the padding, an average counts only the elements inside the
    /// padded image. ONNX has no attribute for this: its mean counts all elements of the window. So this mean is
    /// multiplied by the number of all elements, divided by the number of those inside.
    fn average(&mut self, node: &Node, pool: &Pool, inputs: Vec<String>, output: &str) {
        let name = &node.name;
        let image = self.packed.graph().shape(node.inputs[0]);
        let size = [image[1], image[2]];
        if pool.kernel == size && pool.padding == [0, 0] {
            self.node("GlobalAveragePool", name, inputs, output, vec![]);
            return;
        }
        let mut attributes = windows(pool, image, &node.shape);
        attributes.push(int("count_include_pad", pool.count_include_pad.into()));
        let ratios = |axis: usize| -> Vec<f64> {
            let windows = pool.windows(axis, size[axis], node.shape[1 + axis]);
            windows.iter().map(|window| pool.kernel[axis] as f64 / window.counted as f64).collect()
        };
        let (rows, columns) = (ratios(0), ratios(1));
        let is_whole = rows.iter().chain(&columns).all(|ratio| *ratio == 1.0);
        if is_whole || !pool.count_include_pad {
            self.node("AveragePool", name, inputs, output, attributes);
            return;
        }
        let ratios: Vec<f32> = rows.iter().flat_map(|row| columns.iter().map(move |of| (row * of) as f32)).collect();
        let ratios = self.floats(&format!("{name}/ratios"), &[1, 1, rows.len(), columns.len()], &ratios);
        let means = format!("{name}/means");
        let means = self.node("AveragePool", &format!("{name}/pool"), inputs, &means, attributes);
        self.node("Mul", name, vec![means, ratios], output, vec![]);
    }

    /// Adds a layer's weights, and its bias if it has one, to the inputs of its node.
    fn parameters(&mut self, layer: &PackedLayer, inputs: &mut Vec<String>) {
        let name = &layer.name;
        let weight = format!("{name}/weight");
        if layer.is_quantized() {
            let (data_type, bits) = index_type(layer.levels().len(), self.opset);
            let levels = self.floats(&format!("{name}/levels"), &[layer.levels().len()], layer.levels());
            let indices = format!("{name}/indices");
            let indices = self.constant(&indices, &layer.shape, data_type, pack(layer.indices(), bits));
            // Cast to a type of indices that Gather accepts.
            let to = vec![int("to", data_type::INT32.into())];
            let indices = self.node("Cast", &format!("{name}/cast"), vec![indices], &format!("{name}/int32"), to);
            let gather = format!("{name}/gather");
            inputs.push(self.node("Gather", &gather, vec![levels, indices], &weight, vec![int("axis", 0)]));
        } else {
            let theta: Vec<f32> = layer.theta().collect();
            inputs.push(self.floats(&weight, &layer.shape, &theta));
        }
        if let Some(bias) = &layer.bias {
            inputs.push(self.floats(&format!("{name}/bias"), &[bias.len()], bias));
        }
    }

    /// Appends a node, and returns the name of its output.
    fn node(
        &mut self,
        op_type: &str,
        name: &str,
        input: Vec<String>,
        output: &str,
        attribute: Vec<AttributeProto>,
    ) -> String {
        let (op_type, name) = (op_type.to_string(), name.to_string());
        self.graph.node.push(NodeProto { input, output: vec![output.to_string()], name, op_type, attribute });
        output.to_string()
    }

    /// Appends a constant of f32, and returns its name.
    fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) -> String {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, shape, data_type::FLOAT, bytes)
    }

    /// Appends a constant, and returns its name.
    fn constant(&mut self, name: &str, shape: &[usize], data_type: i32, raw_data: Vec<u8>) -> String {
        let dims = shape.iter().map(|size| *size as i64).collect();
        self.graph.initializer.push(TensorProto { dims, data_type, name: name.to_string(), raw_data });
        name.to_string()
    }
}

/// The attributes of a pooling from images (C, H, W) to images (C, OH, OW). `ceil_mode` is written as more padding at
/// the end, since programs interpret ONNX's `ceil_mode` differently.
fn windows(pool: &Pool, from: &[usize], to: &[usize]) -> Vec<AttributeProto> {
    let end = |axis: usize| {
        let reach = (to[1 + axis] - 1) * pool.stride[axis] + pool.kernel[axis];
        let missing = reach.saturating_sub(from[1 + axis] + pool.padding[axis]);
        if pool.ceil_mode { missing } else { pool.padding[axis] }
    };
    vec![
        ints("kernel_shape", &pool.kernel),
        ints("strides", &pool.stride),
        ints("pads", &[pool.padding[0], pool.padding[1], end(0), end(1)]),
    ]
}

fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto { name: name.to_string(), i: Some(value), ints: vec![], r#type: attribute_type::INT }
}

fn ints(name: &str, values: &[usize]) -> AttributeProto {
    let ints = values.iter().map(|value| *value as i64).collect();
    AttributeProto { name: name.to_string(), i: None, ints, r#type: attribute_type::INTS }
}

/// A value of f32 (N, …), where N may differ in each call.
fn value(name: &str, shape: &[usize]) -> ValueInfoProto {
    let sizes = shape.iter().map(|size| Dimension::Value(*size as i64));
    let dimensions = std::iter::once(Dimension::Param("N".to_string())).chain(sizes);
    let dim = dimensions.map(|value| DimensionProto { value: Some(value) }).collect();
    let tensor = TensorTypeProto { elem_type: data_type::FLOAT, shape: Some(TensorShapeProto { dim }) };
    ValueInfoProto { name: name.to_string(), r#type: Some(TypeProto { tensor_type: Some(tensor) }) }
}
