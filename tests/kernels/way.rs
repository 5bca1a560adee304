use spikeslab::kernels::{Way, check_environment};
use spikeslab::nets::{Description, Given, Network};
use spikeslab::prior::Codebook;

#[test]
fn a_network_is_computed_by_kernels_unless_told() {
    // The tests run without the environment variable.
    check_environment().unwrap();
    assert_eq!((Way::in_use(), Way::Kernel.name(), Way::Definition.name()), (Way::Kernel, "fast", "definition"));
    let graph =
        Description::preset("mlp").unwrap().graph(Given { input: Some([1, 4, 4]), ..Given::default() }).unwrap();
    let network = Network::<f32>::new(graph, &Codebook::symmetric(2).unwrap());
    assert_eq!(network.way(), Way::Kernel);
    assert_eq!(network.by(Way::Definition).way(), Way::Definition);
}
