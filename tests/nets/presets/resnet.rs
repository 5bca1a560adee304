use super::description::graph;
use spikeslab::nets::Role;

/// He et al. 2016, table 6: 0.27, 0.46, 0.66 and 0.85 million parameters, with normalizations and the last layer's bias
/// but without projections, which the paper's networks for CIFAR do not have.
#[test]
fn resnets_have_the_published_parameters() {
    for (depth, published) in [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85)] {
        let graph = graph(&format!("resnet{depth}"));
        let is_projection = |name: &str| name.contains(".conv3.") || name.contains(".bn3.");
        let of_paper: usize = graph
            .parameters
            .iter()
            .filter(|parameter| matches!(parameter.role, Role::Theta | Role::Gamma | Role::Beta | Role::Bias))
            .filter(|parameter| !is_projection(&parameter.name))
            .map(|parameter| parameter.shape.iter().product::<usize>())
            .sum();
        let millions = (of_paper as f64 / 1e4).round() / 100.0;
        assert_eq!(millions, published, "{of_paper}");
        let units = (depth - 2) / 6;
        // 16 channels of 32 by 32, 32 of 16 by 16, 64 of 8 by 8, then their means.
        let shape = |name: &str| &graph.nodes.iter().find(|node| node.name == name).expect("a node").shape[..];
        assert_eq!(shape(&format!("stage1.unit{units}")), [16, 32, 32]);
        assert_eq!(shape("stage2.unit1"), [32, 16, 16]);
        assert_eq!(shape(&format!("stage3.unit{units}")), [64, 8, 8]);
        assert!(graph.nodes.iter().all(|node| node.name != format!("stage3.unit{}", units + 1)));
    }
}

/// He et al. 2016: 41 million multiplications (their "FLOPs") in a ResNet-20 on CIFAR-10, without the projections.
#[test]
fn multiplications_of_resnet20() {
    let graph = graph("resnet20");
    let of_layers = graph.layers().zip(graph.multiplications());
    let of_paper: usize = of_layers.filter(|(layer, _)| !layer.name.ends_with("conv3")).map(|(_, count)| count).sum();
    let convolution = |of: usize, to: usize, size: usize| of * to * 9 * size * size;
    let stages = 6 * convolution(16, 16, 32)
        + convolution(16, 32, 16)
        + 5 * convolution(32, 32, 16)
        + convolution(32, 64, 8)
        + 5 * convolution(64, 64, 8);
    assert_eq!(of_paper, convolution(3, 16, 32) + stages + 640);
}
