//! The weights and the other constants of a network as arrays of C, and its layers as structures.

use super::names::{PIXELS, identifiers};
use crate::export::pack;
use crate::kernels::packed::fields::field_bits;
use crate::layers::pool::Pool;
use crate::nets::graph::{Convolution, Op};
use crate::packed::PackedModel;
use crate::packed::model::PackedLayer;

/// The widest line of an array.
const WIDTH: usize = 110;

/// The text of all constants.
#[derive(Debug, Default)]
pub(super) struct Constants {
    pub(super) text: String,
    /// The bytes of the arrays.
    pub(super) bytes: usize,
}

impl Constants {
    pub(super) fn of(model: &PackedModel) -> Self {
        let mut constants = Self::default();
        if let Some(figures) = &model.standardization {
            constants.floats(&format!("{PIXELS}_mean"), &figures.mean);
            constants.floats(&format!("{PIXELS}_deviation"), &figures.deviation);
        }
        let graph = model.graph();
        for (node, name) in graph.nodes.iter().zip(identifiers(graph)) {
            let image = graph.shape(node.inputs[0]);
            match &node.op {
                Op::Conv2d(of) => {
                    let mut members = constants.layer(&name, &model.layers()[of.layer.index]);
                    members.extend(of_convolution(of, image, &node.shape));
                    constants.structure("convolution", &format!("{name}_layer"), &members);
                }
                Op::Dense(layer) => {
                    let mut members = constants.layer(&name, &model.layers()[layer.index]);
                    members.push(format!(".inputs = {}, .outputs = {}", image[0], node.shape[0]));
                    constants.structure("dense", &format!("{name}_layer"), &members);
                }
                Op::Norm(of) => {
                    constants.floats(&format!("{name}_scale"), &model.norms()[of.index].scale);
                    constants.floats(&format!("{name}_shift"), &model.norms()[of.index].shift);
                }
                Op::MaxPool(pool) | Op::AvgPool(pool) => {
                    let members = of_pooling(pool, image, &node.shape);
                    constants.structure("pooling", &format!("{name}_windows"), &members);
                }
                Op::Relu | Op::Flatten | Op::Add | Op::Concat => continue,
            }
            constants.text.push('\n');
        }
        constants
    }

    /// The arrays of a layer, and the members of its structure that refer to them.
    fn layer(&mut self, name: &str, layer: &PackedLayer) -> Vec<String> {
        let weights = if layer.is_quantized() {
            let bits = field_bits(layer.levels().len());
            self.floats(&format!("{name}_values"), layer.levels());
            self.fields(&format!("{name}_fields"), &pack(layer.indices(), bits));
            format!(".weights = {{{name}_values, {name}_fields, {bits}}}")
        } else {
            self.floats(&format!("{name}_values"), &layer.theta().collect::<Vec<_>>());
            format!(".weights = {{{name}_values, NULL, 0}}")
        };
        let bias = match &layer.bias {
            Some(bias) => {
                self.floats(&format!("{name}_bias"), bias);
                format!(".bias = {name}_bias")
            }
            None => ".bias = NULL".to_string(),
        };
        vec![weights, bias]
    }

    fn floats(&mut self, name: &str, values: &[f32]) {
        self.bytes += size_of_val(values);
        // The shortest decimals that are parsed as the same number.
        let elements = values.iter().map(|value| format!("{value:?}f"));
        self.array("float", name, values.len(), elements);
    }

    fn fields(&mut self, name: &str, bytes: &[u8]) {
        self.bytes += bytes.len();
        self.array("uint8_t", name, bytes.len(), bytes.iter().map(|byte| format!("0x{byte:02x}")));
    }

    fn array(&mut self, element: &str, name: &str, len: usize, elements: impl Iterator<Item = String>) {
        self.text.push_str(&format!("static const {element} {name}[{len}] = {{"));
        let mut width = WIDTH;
        for element in elements {
            if width + element.len() + 2 > WIDTH {
                self.text.push_str("\n   ");
                width = 3;
            }
            width += element.len() + 2;
            self.text.push_str(&format!(" {element},"));
        }
        self.text.push_str("\n};\n");
    }

    fn structure(&mut self, kind: &str, name: &str, members: &[String]) {
        let members: String = members.iter().map(|line| format!("    {line},\n")).collect();
        self.text.push_str(&format!("static const {kind} {name} = {{\n{members}}};\n"));
    }
}

/// The members of a convolution that give its sizes.
fn of_convolution(of: &Convolution, from: &[usize], to: &[usize]) -> Vec<String> {
    let window = &of.window;
    vec![
        format!(".inputs = {}, .outputs = {}, .groups = {}", from[0], to[0], of.groups),
        format!("{}, {}", size("image", from), size("kernel", &window.kernel)),
        format!("{}, {}", size("stride", &window.stride), size("padding", &window.padding)),
        format!("{}, {}", size("dilation", &window.dilation), size("result", to)),
    ]
}

/// The members of a pooling's structure.
fn of_pooling(pool: &Pool, from: &[usize], to: &[usize]) -> Vec<String> {
    vec![
        format!(".channels = {}, {}, {}", to[0], size("image", from), size("kernel", &pool.kernel)),
        format!("{}, {}, {}", size("stride", &pool.stride), size("padding", &pool.padding), size("result", to)),
        format!(".counts_padding = {}", u8::from(pool.count_include_pad)),
    ]
}

/// A member of type `size` with the last two of `sizes`.
fn size(member: &str, sizes: &[usize]) -> String {
    let [.., rows, columns] = sizes else { unreachable!("images and windows have rows and columns") };
    format!(".{member} = {{{rows}, {columns}}}")
}
