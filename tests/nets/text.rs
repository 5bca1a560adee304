use crate::common::graphs::{CLASSES, draw};
use spikeslab::Error;
use spikeslab::layers::pool::Pool;
use spikeslab::nets::graph::{Convolution, Op};
use spikeslab::nets::presets::PRESETS;
use spikeslab::nets::{Description, Given, Graph, Role};
use spikeslab::tensor::im2col::Window;

const TEN: Given<'static> = Given { input: None, classes: Some(10), outputs: None };

fn parse(text: &str) -> Graph {
    Graph::parse("net", text, TEN).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Asserts that the text is refused for word `word` of line `line`, with a message that contains `parts`.
#[track_caller]
fn refuse_given(text: &str, given: Given<'_>, line: usize, word: &str, parts: &[&str]) {
    let Err(error) = Graph::parse("net", text, given) else { panic!("accepted: {text}") };
    let message = error.to_string();
    assert_eq!(error.exit_code(), 2, "{message}");
    assert_eq!(message.lines().count(), 1, "{message:?}");
    assert!(message.len() < 400, "{message:?}");
    let place = if word.is_empty() { format!("net, line {line}: ") } else { format!("net, line {line}, {word}: ") };
    assert!(message.starts_with(&place), "expected {place:?} (saw: {message:?})");
    for part in parts {
        assert!(message.contains(part), "expected {part:?} (saw: {message:?})");
    }
    match error {
        Error::Network { network, line: seen, word: at, .. } => {
            assert_eq!((&network[..], seen, &escaped(&at)[..]), ("net", line, word));
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn refuse(text: &str, line: usize, word: &str, parts: &[&str]) {
    refuse_given(text, TEN, line, word, parts);
}

/// Asserts that a line is refused in a network in which the line before it, `a`, gives 4 channels of 6 by 6.
#[track_caller]
fn refuse_line(line: &str, word: &str, parts: &[&str]) {
    refuse(&format!("input 3x6x6\na conv 4 1x1\n{line}\nflatten\ndense classes"), 3, word, parts);
}

/// Every operation with every option.
const EVERYTHING: &str = "
# A comment, and an empty line before it.
input 4x12x10   # another
first      conv 6 3x3 stride 2x1 pad 1 dilation 1x2 groups 2 bias
           conv 8 1x2 bias groups 2 dilation 1 pad 0x1 stride 1
norm.1     norm
_relu      relu
\tmax-pool 3x2 stride 1x2 pad 1\t
p-2        avg-pool 2 pad 1
           conv 8 1 of p-2
twice      add of conv2 conv2 p-2
both       concat of twice conv2 twice
           max-pool 2
           avg-pool 2x1 stride 1
           relu of avg-pool1
           global-avg-pool
           flatten
           dense 7
           norm
           relu
last       dense classes bias
";

#[test]
fn every_operation_and_option() {
    let graph = parse(EVERYTHING);
    assert_eq!(graph.input, [4, 12, 10]);
    let names: Vec<&str> = graph.nodes.iter().map(|node| &node.name[..]).collect();
    let expected = [
        "first",
        "conv1",
        "norm.1",
        "_relu",
        "max-pool1",
        "p-2",
        "conv2",
        "twice",
        "both",
        "max-pool2",
        "avg-pool1",
        "relu1",
        "avg-pool2",
        "flatten1",
        "dense1",
        "norm1",
        "relu2",
        "last",
    ];
    assert_eq!(names, expected);
    let shapes: Vec<&[usize]> = graph.nodes.iter().map(|node| &node.shape[..]).collect();
    let expected: [&[usize]; 18] = [
        &[6, 6, 8],
        &[8, 6, 9],
        &[8, 6, 9],
        &[8, 6, 9],
        &[8, 6, 5],
        &[8, 4, 3],
        &[8, 4, 3],
        &[8, 4, 3],
        &[24, 4, 3],
        &[24, 2, 1],
        &[24, 1, 1],
        &[24, 1, 1],
        &[24, 1, 1],
        &[24],
        &[7],
        &[7],
        &[7],
        &[10],
    ];
    assert_eq!(shapes, expected);
    let inputs: Vec<&[usize]> = graph.nodes[6..9].iter().map(|node| &node.inputs[..]).collect();
    assert_eq!(inputs, [&[6][..], &[7, 7, 6], &[8, 7, 8]]);
    let window = |node: usize| match &graph.nodes[node].op {
        Op::Conv2d(Convolution { window, .. }) => *window,
        other => panic!("{other:?} is no convolution"),
    };
    let pool = |node: usize| match &graph.nodes[node].op {
        Op::MaxPool(pool) | Op::AvgPool(pool) => *pool,
        other => panic!("{other:?} is no pooling"),
    };
    let pool_of = |kernel, stride, padding| Pool { padding, ..Pool::new(kernel, stride) };
    let of = |kernel, stride, padding, dilation| Window { padding, dilation, ..Window::new(kernel, stride) };
    assert_eq!(window(0), of([3, 3], [2, 1], [1, 1], [1, 2]));
    assert_eq!(window(1), of([1, 2], [1, 1], [0, 1], [1, 1]));
    assert_eq!(pool(4), pool_of([3, 2], [1, 2], [1, 1]));
    assert_eq!(pool(5), pool_of([2, 2], [2, 2], [1, 1]));
    assert_eq!(window(6), Window::new([1, 1], [1, 1]));
    assert_eq!(pool(10), Pool::new([2, 1], [1, 1]));
    assert_eq!(pool(12), Pool::new([1, 1], [1, 1]));
    let groups: Vec<usize> = graph
        .nodes
        .iter()
        .filter_map(|node| if let Op::Conv2d(convolution) = &node.op { Some(convolution.groups) } else { None })
        .collect();
    assert_eq!(groups, [2, 2, 1]);
    let parameters: Vec<(&str, &[usize])> = graph
        .parameters
        .iter()
        .filter(|parameter| matches!(parameter.role, Role::Theta | Role::Bias | Role::Gamma))
        .map(|parameter| (&parameter.name[..], &parameter.shape[..]))
        .collect();
    let expected: [(&str, &[usize]); 10] = [
        ("first.theta", &[6, 2, 3, 3]),
        ("first.bias", &[6]),
        ("conv1.theta", &[8, 3, 1, 2]),
        ("conv1.bias", &[8]),
        ("norm.1.gamma", &[8]),
        ("conv2.theta", &[8, 8, 1, 1]),
        ("dense1.theta", &[24, 7]),
        ("norm1.gamma", &[7]),
        ("last.theta", &[7, 10]),
        ("last.bias", &[10]),
    ];
    assert_eq!(parameters, expected);
    let (layers, norms): (Vec<_>, Vec<_>) = (graph.layers().collect(), graph.norms().collect());
    assert!(layers.iter().enumerate().all(|(i, layer)| layer.index == i), "{layers:?}");
    assert!(norms.iter().enumerate().all(|(i, norm)| norm.index == i), "{norms:?}");
    let positions: Vec<usize> = layers.iter().map(|layer| layer.positions).collect();
    assert_eq!(positions, [6 * 8, 6 * 9, 4 * 3, 1, 1]);
}

#[track_caller]
fn assert_printed_and_parsed_again(name: &str, graph: &Graph) {
    let printed = graph.to_string();
    let again = Graph::parse(name, &printed, Given::default()).unwrap_or_else(|error| panic!("{error}\n{printed}"));
    assert_eq!(again, *graph, "{printed}");
    assert_eq!(again.to_string(), printed, "{name}");
}

#[test]
fn parsing_what_was_printed_gives_the_same_graph() {
    assert_printed_and_parsed_again("everything", &parse(EVERYTHING));
    let sized = [
        "densenet:depth=22,growth=4",
        "densenet:depth=16,growth=3,bottleneck=true,compression=0.3",
        "resnet32:width=5",
    ];
    for name in PRESETS.iter().chain(&sized) {
        let preset = Description::preset(name).expect("a preset");
        for given in [TEN, Given { input: Some([2, 33, 32]), classes: Some(3), outputs: None }] {
            assert_printed_and_parsed_again(name, &preset.graph(given).expect("a network"));
        }
    }
    for seed in 0..100 {
        let given = Given { classes: Some(CLASSES), ..Given::default() };
        assert_printed_and_parsed_again("drawn", &Graph::parse("drawn", &draw(seed), given).expect("a network"));
    }
}

#[test]
fn the_printed_text_is_aligned_and_leaves_out_what_goes_without_saying() {
    let text = "input 1x8x8\nconv1 conv 2 3 pad 1x1 stride 1 dilation 1 groups 1\nrelu\nmax-pool 2 stride 2\nb.2 norm of max-pool1\n\
                global-avg-pool\nflatten\nsum add of flatten1 flatten1\ndense classes bias";
    let printed = "input 1x8x8
conv1  conv 2 3x3 pad 1
       relu
       max-pool 2x2
b.2    norm
       avg-pool 4x4
       flatten
sum    add of flatten1 flatten1
       dense 10 bias
";
    assert_eq!(parse(text).to_string(), printed);
    assert_eq!(parse("input 1x2x2\nflatten\ndense classes").to_string(), "input 1x2x2\nflatten\ndense 10\n");
}

#[test]
fn blanks_and_line_ends_of_any_system() {
    let expected = parse("input 1x4x4\nflatten\nfc dense classes");
    for text in [
        "input 1x4x4\r\nflatten\r\nfc dense classes\r\n",
        "\n\n  input   1x4x4#c\n\t flatten\t\n\nfc\tdense  classes  # bias\n#",
        "input 1x4x4\nflatten of in\nfc dense classes of flatten1",
        "input 1x4x4\nflatten\nfc dense 10",
    ] {
        assert_eq!(parse(text), expected, "{text:?}");
    }
}

#[test]
fn the_smallest_networks() {
    // Logistic regression; a network with one weight; a single convolution.
    assert_eq!(parse("input 3x2x2\nflatten\ndense classes").weights(), 120);
    let one = Given { classes: Some(1), ..Given::default() };
    assert_eq!(Graph::parse("net", "input 1x1x1\nflatten\ndense 1", one).expect("a network").weights(), 1);
    assert_eq!(parse("input 2x3x3\nconv classes 3x3\nflatten").weights(), 180);
}

#[test]
fn names_of_unnamed_lines_pass_by_those_the_text_gives() {
    let graph = parse("input 1x4x4\nrelu2 relu\nrelu\nrelu\nflatten1 relu\nflatten\ndense classes");
    let names: Vec<&str> = graph.nodes.iter().map(|node| &node.name[..]).collect();
    assert_eq!(names, ["relu2", "relu1", "relu3", "flatten1", "flatten2", "dense1"]);
    assert_printed_and_parsed_again("names", &graph);
}

#[test]
fn an_operation_s_word_may_name_no_line_but_an_option_s_may() {
    let graph = parse("input 1x4x4\nstride relu\nbias relu of stride\nflatten\ndense classes");
    assert_eq!((&graph.nodes[0].name[..], &graph.nodes[1].name[..]), ("stride", "bias"));
    refuse(
        "input 1x4x4\nrelu relu\nflatten\ndense classes",
        2,
        "relu",
        &["the end of the line: `relu` takes no more words"],
    );
}

#[test]
fn unknown_operations_are_refused() {
    for line in ["rellu", "b rellu", "b c relu", "Relu", "b maxpool 2x2", "b conv2d 4 3x3", "of relu2 b", "ReLU of a"] {
        let word = line.split(' ').next().expect("a word");
        let seen: Vec<&str> = line.split(' ').take(2).collect();
        refuse_line(line, word, &["an operation", "conv, dense, norm, relu", &format!("(saw: {})", seen.join(" "))]);
    }
    refuse("input 1x4x4\nflatten\ninput 1x4x4\ndense classes", 3, "input", &["an operation"]);
}

#[test]
fn invalid_names_are_refused() {
    for name in ["1a", "-a", ".a", "a!", "a,b", "a/b", "a=b", "a\"", "ä", "名前", "a\u{301}", "\u{7f}a", "a\u{0}"] {
        refuse_line(&format!("{name} relu"), &escaped(name), &["a name of letters, digits", "begins with a letter"]);
    }
    for name in ["input", "in", "of", "classes"] {
        refuse_line(&format!("{name} relu"), name, &["a name other than input, in, of, classes"]);
    }
    for name in ["eps.a", "d.fc1", "adam.m.a"] {
        refuse_line(&format!("{name} relu"), name, &["other than", "eps.…, d.…, adam.…"]);
    }
    parse("input 1x4x4\ndd.a relu\nadam relu\nd relu\nflatten\ndense classes");
    let long = "n".repeat(65);
    refuse_line(&format!("{long} relu"), &format!("{}…", "n".repeat(60)), &["at most 64 letters", "65"]);
    parse(&format!("input 1x4x4\n{} relu\nflatten\ndense classes", &long[1..]));
}

/// The word as an error shows it, with control characters escaped.
fn escaped(word: &str) -> String {
    word.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() }).collect()
}

#[test]
fn a_name_twice_is_refused() {
    refuse_line("a relu", "a", &["a name of its own", "that of line 2"]);
    refuse("input 1x4x4\nb relu\nrelu\n\n# b\nb relu\nflatten\ndense classes", 6, "b", &["that of line 2"]);
}

#[test]
fn names_of_no_line_above_are_refused() {
    refuse_line("relu of b", "b", &["the name of a line above, or in", "(saw: b)"]);
    refuse_line("b relu of b", "b", &["a line above this one", "(saw: line 3)"]);
    // The names of unnamed lines below, and of the line itself.
    refuse_line("relu of relu1", "relu1", &["the name of a line above"]);
    refuse_line("relu of flatten1", "flatten1", &["the name of a line above"]);
    refuse_line("relu of a.theta", "a.theta", &["the name of a line above"]);
    refuse_line("relu of input", "input", &["the name of a line above, or in"]);
    // Two lines that read each other: the error names the first.
    let cycle = "input 1x4x4\na relu of c\nb relu of a\nc relu of b\nflatten\ndense classes";
    refuse(cycle, 2, "c", &["a line above this one", "(saw: line 4)"]);
    refuse("input 1x4x4\na add of in a\nflatten\ndense classes", 2, "a", &["a line above this one", "(saw: line 2)"]);
}

#[test]
fn as_many_values_as_the_operation_reads() {
    refuse_line("add", "add", &["two values or more after `of`", "(saw: 1)"]);
    refuse_line("add of a", "add", &["two values or more", "(saw: 1)"]);
    refuse_line("concat of a", "concat", &["two values or more", "(saw: 1)"]);
    for line in ["relu of a in", "norm of a a", "conv 2 1x1 of a a a", "flatten of a in"] {
        let count = line.split(" of ").nth(1).expect("values").split(' ').count();
        let operation = line.split(' ').next().expect("a word");
        refuse_line(line, operation, &["one value", &format!("(saw: {count})")]);
    }
    refuse_line("relu of", "of", &["the names of values", "the end of the line"]);
    refuse_line("relu of of a", "of", &["the name of a line above"]);
    refuse_line("relu of a of a", "of", &["the name of a line above"]);
}

#[test]
fn shapes_that_do_not_meet_are_refused() {
    refuse_line("add of a in", "add", &["values of one shape, 4x6x6", "(saw: 3x6x6)"]);
    let smaller = "input 4x6x6\np max-pool 2\nb add of in in p\nflatten\ndense classes";
    refuse(smaller, 3, "add", &["values of one shape, 4x6x6", "(saw: 4x3x3)"]);
    refuse(&smaller.replace("add", "concat"), 3, "concat", &["the size of 4x6x6, whatever their channels", "4x3x3"]);
    let flat = "input 4x6x6\nf flatten\nb add of f in\nflatten\ndense classes";
    refuse(flat, 3, "add", &["values of one shape, 144", "(saw: 4x6x6)"]);
    refuse(&flat.replace("add", "concat"), 3, "concat", &["the size of 144", "(saw: 4x6x6)"]);
    // Any numbers of features may be concatenated.
    let graph = parse("input 4x6x6\nf flatten\ng dense 3\nh concat of f g f\ndense classes");
    assert_eq!(graph.nodes[2].shape, [291]);
}

#[test]
fn images_and_features_are_told_apart() {
    refuse_line("dense 3", "dense", &["features: `flatten` before it", "(saw: images of 4x6x6)"]);
    for operation in ["conv 2 1x1", "max-pool 1", "avg-pool 1", "global-avg-pool", "flatten"] {
        let text = format!("input 4x6x6\nflatten\n{operation}\ndense classes");
        refuse(&text, 3, operation.split(' ').next().expect("a word"), &["images", "(saw: 144 features)"]);
    }
    refuse("input 1x4x4\nconv classes 4x4", 2, "", &["logits in the end: `flatten` before", "images of 10x1x1"]);
}

#[test]
fn sizes_out_of_range_are_refused() {
    for size in
        ["0", "-1", "65536", "100000000000000000000", "1e20", "1.5", "NaN", "four", "0x3", "3x", "x3", "3x3x3", "٣"]
    {
        refuse_line(&format!("conv {size} 1x1"), "outputs", &["a number from 1 to 65535", &format!("(saw: {size})")]);
        refuse_line(&format!("conv 4 1x1 groups {size}"), "groups", &["a number from 1 to 65535"]);
        let text = format!("input 1x4x4\nflatten\ndense {size}\ndense classes");
        refuse(&text, 3, "outputs", &["a number from 1 to 65535", &format!("(saw: {size})")]);
        if size == "0x3" {
            continue;
        }
        let seen = format!("(saw: {size})");
        for (option, least) in [("stride", 1), ("dilation", 1), ("pad", 0)] {
            if size == "0" && least == 0 {
                continue;
            }
            let part = &[&format!("a number from {least} to 65535, or two as in 3x1")[..], &seen];
            refuse_line(&format!("conv 4 1x1 {option} {size}"), option, part);
        }
        refuse_line(&format!("conv 4 {size}"), "kernel", &["a number from 1 to 65535"]);
        refuse_line(&format!("max-pool {size}"), "kernel", &["a number from 1 to 65535"]);
        refuse_line(&format!("conv 4 {size}"), "kernel", &[&seen]);
    }
    // Padding may not make an image larger than a text can say: a pooling of the whole image is printed with its size.
    for line in ["conv 1 1x1 pad 1x0", "max-pool 1x1 pad 0", "avg-pool 2x1 stride 1 pad 1x0"] {
        let text = format!("input 1x65535x1\n{line}\nglobal-avg-pool\nflatten\ndense classes");
        if line.ends_with("pad 0") {
            assert!(Graph::parse("text", &text, Given { classes: Some(2), ..Given::default() }).is_ok());
        } else {
            refuse(&text, 2, line.split(' ').next().unwrap(), &["at most 65535 pixels in each direction"]);
        }
    }
    for input in ["0x4x4", "1x65536x4", "1x4x0", "65536x1x1"] {
        refuse(&format!("\ninput {input}\nflatten\ndense classes"), 2, "input", &["sizes from 1 to 65535"]);
    }
    for input in ["", "4", "4x4", "1x4x4x4", "1x4xfour", "1 x 4 x 4", "-1x4x4", "1x4x1e20", "1x4x99999999999999999999"]
    {
        let text = format!("input {input}\nflatten\ndense classes");
        refuse(&text, 1, "input", &["the shape of an image, as in 3x32x32", &format!("(saw: {input})")]);
    }
    // The largest sizes that are accepted.
    parse("input 1x65535x1\nconv 1 65535x1\nflatten\ndense classes");
    parse("input 1x1x1\nflatten\ndense 65535\ndense classes");
}

#[test]
fn windows_that_do_not_fit_are_refused() {
    for line in ["conv 4 7x1", "conv 4 1x7", "conv 4 4 dilation 2", "conv 4 9 pad 1", "max-pool 7", "avg-pool 1x7"] {
        let operation = line.split(' ').next().expect("a word");
        refuse_line(line, operation, &["a kernel that fits into"]);
    }
    parse("input 3x6x6\nconv 4 8 pad 1\nflatten\ndense classes");
    for (line, kernel, pad) in
        [("max-pool 2 pad 2", "2", "2"), ("avg-pool 3 pad 2", "3", "2"), ("max-pool 1x4 pad 1x2", "1", "1")]
    {
        refuse_line(line, "pad", &[&format!("at most half of the kernel of {kernel} "), &format!("(saw: {pad})")]);
    }
    // Kernels lay an image out with its padding and with the channels of a group's output, also where the stride is large.
    let large = "input 2x1024x1024\nconv 1024 1x1 stride 512 groups 2\nflatten\ndense classes";
    refuse(large, 2, "conv", &["at most 268435456 pixels in an image and its padding", "(saw: 512 x 1024 x 1024)"]);
    refuse_line("conv 4 1x1 groups 3", "groups", &["a divisor of the 4 channels and of the 4 outputs", "(saw: 3)"]);
    refuse_line("conv 6 1x1 groups 4", "groups", &["a divisor of the 4 channels and of the 6 outputs", "(saw: 4)"]);
}

/// An operation takes memory for every value that it reads.
#[test]
fn a_line_reads_a_limited_number_of_values() {
    let add = |count: usize| format!("input 3x6x6\nadd of{}\nflatten\ndense classes", " in".repeat(count));
    parse(&add(5000));
    refuse(&add(5001), 2, "add", &["at most 5000 values", "(saw: 5001)"]);
}

#[test]
fn missing_and_extra_words_are_refused() {
    for (line, word, what) in [
        ("conv", "conv", "outputs"),
        ("conv 4", "conv", "kernel"),
        ("conv 4 1x1 stride", "conv", "stride"),
        ("conv 4 1x1 pad of a", "conv", "pad"),
        ("conv 4 1x1 groups", "conv", "groups"),
        ("max-pool", "max-pool", "kernel"),
        ("avg-pool 2 stride", "avg-pool", "stride"),
    ] {
        refuse_line(line, word, &[what, "(saw: the end of the line)"]);
    }
    refuse("input 1x4x4\nflatten\ndense\ndense classes", 3, "dense", &["outputs", "the end of the line"]);
    for (line, word) in [
        ("norm 4", "4"),
        ("relu a", "a"),
        ("flatten all", "all"),
        ("global-avg-pool 2x2", "2x2"),
        ("add 3 of a a", "3"),
        ("concat a a", "concat"),
    ] {
        if word == "concat" {
            refuse_line(line, word, &["two values or more"]);
        } else {
            refuse_line(line, word, &["takes no more words"]);
        }
    }
    refuse_line("conv 4 1x1 2x2", "2x2", &["stride, pad, dilation, groups, bias or unquantized"]);
    refuse_line("conv 4 1x1 Bias", "Bias", &["stride, pad, dilation, groups, bias or unquantized"]);
    refuse_line("max-pool 2 dilation 2", "dilation", &["stride, pad or ceil-mode"]);
    refuse_line("avg-pool 2 2", "2", &["stride, pad, ceil-mode or exclude-pad"]);
    refuse_line("max-pool 2 exclude-pad", "exclude-pad", &["stride, pad or ceil-mode"]);
    refuse("input 1x4x4\nflatten\ndense 3 3\ndense classes", 3, "3", &["bias"]);
    refuse("input 1x4x4\nflatten\ndense 3 bias bias\ndense classes", 3, "bias", &["bias once", "twice"]);
}

#[test]
fn an_option_twice_is_refused() {
    for line in [
        "conv 4 1x1 stride 1 stride 1",
        "conv 4 1x1 pad 1 bias pad 0",
        "conv 4 1x1 dilation 1 dilation 2",
        "conv 4 1x1 groups 1 pad 0 groups 2",
        "conv 4 1x1 bias bias",
        "max-pool 2 stride 1 pad 1 stride 2",
        "avg-pool 2 pad 1 pad 0",
    ] {
        let word = line.split(' ').rev().find(|word| word.parse::<usize>().is_err()).expect("an option");
        refuse_line(line, word, &[&format!("{word} once"), "(saw: twice)"]);
    }
}

#[test]
fn one_output_and_it_is_the_last_line() {
    let unread = "input 1x4x4\na relu\nb relu of a\nrelu of a\nflatten\ndense classes";
    refuse(unread, 3, "b", &["one output: every line but the last is read by another", "a line that nothing reads"]);
    let two = "input 1x4x4\nf flatten\nout dense classes of f\naux dense classes of f";
    refuse(two, 3, "out", &["one output"]);
    refuse("input 1x4x4\nrelu\nflatten of in\ndense classes", 2, "relu1", &["one output"]);
    // The last line does not have to read the input.
    parse("input 1x4x4\nflatten\ndense classes");
}

#[test]
fn a_text_without_an_operation_or_without_weights_is_refused() {
    for text in ["", "\n\n", "# nothing\n   # at all", "input 1x4x4", "\n\ninput 1x4x4\n"] {
        refuse(text, 1, "", &["a network of one operation a line", "(saw: none)"]);
    }
    let four = Given { classes: Some(4), ..Given::default() };
    refuse_given("input 1x2x2\nflatten", four, 2, "", &["a network with a conv or a dense", "(saw: neither)"]);
}

#[test]
fn the_shape_of_the_images_comes_from_the_text_or_from_the_data() {
    let text = "flatten\ndense classes";
    refuse(text, 1, "", &["`input CxHxW` as the first line", "(saw: flatten)"]);
    refuse("# c\n\nflatten\ninput 1x4x4\ndense classes", 3, "", &["`input CxHxW` as the first line"]);
    let given = Given { input: Some([1, 4, 4]), ..TEN };
    assert_eq!(Graph::parse("net", text, given).expect("a network").input, [1, 4, 4]);
    let both = format!("input 1x4x4\n{text}");
    assert_eq!(Graph::parse("net", &both, given).expect("a network").input, [1, 4, 4]);
    let other = Given { input: Some([3, 4, 4]), ..TEN };
    refuse_given(&both, other, 1, "input", &["3x4x4, the shape of the images", "(saw: 1x4x4)"]);
    for input in [[0, 4, 4], [1, 4, 65_536], [usize::MAX; 3]] {
        refuse_given(text, Given { input: Some(input), ..TEN }, 1, "input", &["sizes from 1 to 65535"]);
    }
}

#[test]
fn the_number_of_classes_comes_from_the_text_or_from_the_data() {
    let open = "input 1x4x4\nflatten\ndense classes";
    refuse_given(open, Given::default(), 3, "classes", &["no data tell the number of classes here"]);
    let named = "input 1x4x4\nflatten\ndense 10";
    assert_eq!(Graph::parse("net", named, Given::default()).expect("a network").classes(), 10);
    let seven = Given { classes: Some(7), ..Given::default() };
    refuse_given(named, seven, 3, "", &["7 logits, one a class of the data", "(saw: 10)"]);
    for classes in [0, 65_536, usize::MAX] {
        let given = Given { classes: Some(classes), ..Given::default() };
        refuse_given(open, given, 3, "outputs", &["a number from 1 to 65535", &format!("(saw: {classes})")]);
    }
    // A layer in the middle may have as many outputs as there are classes.
    assert_eq!(parse("input 1x4x4\nflatten\ndense classes\nrelu\ndense classes").weights(), 260);
}

#[test]
fn outputs_given_take_the_place_of_those_in_the_text() {
    let text = "input 1x4x4\nconv 3 1x1\nrelu\nflatten\ndense 5\ndense classes";
    let outputs = |outputs: &'static [usize]| Given { outputs: Some(outputs), ..Given::default() };
    let graph = Graph::parse("net", text, outputs(&[2, 7, 4])).expect("a network");
    assert_eq!((graph.weights(), graph.classes()), (2 + 32 * 7 + 28, 4));
    refuse_given(text, outputs(&[2, 0, 4]), 5, "outputs", &["a number from 1 to 65535", "(saw: 0)"]);
    refuse_given(text, outputs(&[2]), 6, "", &["3 layers with weights", "(saw: 1)"]);
    refuse_given(text, outputs(&[2, 7, 4, 3]), 6, "", &["3 layers with weights", "(saw: 4)"]);
}

#[test]
fn more_weights_or_elements_than_memory_could_hold_are_refused() {
    let wide = "input 1x1x1\nflatten\ndense 65535\ndense 65535\ndense classes";
    refuse(wide, 4, "dense", &["at most 268435456 weights up to here", "4294901760"]);
    // The weights of the last layer count too.
    let of_many = Given { classes: Some(60_000), ..Given::default() };
    refuse_given(
        "input 1x1x1\nflatten\ndense 60000\ndense classes",
        of_many,
        4,
        "dense",
        &["at most 268435456 weights", "3600060000"],
    );
    // A hundred layers, each of which alone would be accepted: their sum is too large.
    let many = format!("input 1x1x1\nflatten\ndense 8000\n{}dense classes", "dense 8000\n".repeat(100));
    refuse(&many, 8, "dense", &["at most 268435456 weights up to here", "(saw: 320008000)"]);
    refuse(
        "input 4x65535x65535\nglobal-avg-pool\nflatten\ndense classes",
        1,
        "input",
        &["at most 268435456 elements of an image"],
    );
    refuse(
        "input 1x4096x4096\nconv 17 1x1\nglobal-avg-pool\nflatten\ndense classes",
        2,
        "conv",
        &["at most 268435456 elements", "17x4096x4096"],
    );
    refuse_line("conv 4 1x1 pad 65535", "pad", &["at most 268435456 elements of a padded image", "4x131076x131076"]);
    let widening = format!(
        "input 65535x1x1\n{}flatten\ndense classes",
        "c concat of in in\n".to_string()
            + &(1..20).map(|i| format!("c{i} concat of c{} c{}\n", before(i), before(i))).collect::<String>()
    );
    refuse(&widening, 14, "concat", &["at most 268435456 elements of an image"]);
}

fn before(i: usize) -> String {
    if i == 1 { String::new() } else { (i - 1).to_string() }
}

#[test]
fn texts_too_long_are_refused() {
    let megabytes = "relu\n".repeat(20_000_000);
    refuse(&megabytes, 1, "", &["a text of at most 1048576 bytes", "(saw: 100000000)"]);
    refuse(&"a".repeat(100_000_000), 1, "", &["at most 1048576 bytes"]);
    let lines = |count: usize| format!("input 1x4x4\n{}flatten\ndense classes", "relu\n".repeat(count - 3));
    refuse(&lines(10_000), 5001, "", &["at most 5000 operations", "(saw: one more)"]);
    refuse(&lines(5001), 5001, "", &["at most 5000 operations"]);
    assert_eq!(parse(&lines(5000)).nodes.len(), 4999);
    // A line of a million letters, and one of half a million words.
    refuse(&format!("input 1x4x4\n{}", "b".repeat(1 << 20)), 1, "", &["at most 1048576 bytes"]);
    refuse(&format!("input 1x4x4\n{}", "b".repeat(1 << 19)), 2, &format!("{}…", "b".repeat(60)), &["an operation"]);
    refuse(&format!("input 1x4x4\nadd of{}", " in".repeat(1 << 18)), 2, "add", &["at most 5000 values"]);
    // Comments and empty lines count only as bytes.
    parse(&format!("{}input 1x4x4\nflatten\ndense classes", "#\n\n".repeat(50_000)));
}

/// The deepest possible network, and one in which all later lines read every value.
#[test]
fn long_networks_are_read() {
    let units: String = (0..2400).map(|i| format!("u{i} norm\nadd of u{i} in\n")).collect();
    let deep = parse(&format!("input 1x4x4\n{units}flatten\ndense classes"));
    assert_eq!(deep.nodes.len(), 4802);
    assert_printed_and_parsed_again("deep", &deep);
    let mut names = String::from(" in in");
    let mut text = String::from("input 1x1x1\n");
    for i in 0..400 {
        text.push_str(&format!("v{i} add of{names}\n"));
        names.push_str(&format!(" v{i}"));
    }
    let dense = parse(&(text + "flatten\ndense classes"));
    assert_eq!(dense.readers().iter().sum::<usize>(), (2..402).sum::<usize>() + 2);
}

#[test]
fn errors_are_one_line_whatever_the_source_and_the_words() {
    let source = "a\nb\u{1b}[31m".to_string() + &"long".repeat(100);
    for text in
        ["input 1x4x4\n\u{1b}[2Jrelu relu\n", "\u{0}", "input 1x4x4\u{85}\nx y z", "\u{202e}relu", "input \u{7}"]
    {
        let error = Graph::parse(&source, text, TEN).expect_err("no network");
        let message = error.to_string();
        assert_eq!((message.lines().count(), error.exit_code()), (1, 2), "{message:?}");
        assert!(!message.chars().any(char::is_control), "{message:?}");
        assert!(message.len() < 500, "{message:?}");
    }
}
