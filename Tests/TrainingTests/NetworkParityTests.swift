import Checkpoints
import Tensors
import TestSupport
import Testing
import Training

/// Every classifier network beside timm's and torchvision's, whose f64 logits agree: Tests/Parity/generators/training_networks.py.
@Suite(.serialized) struct NetworkParityTests {
    @Test(arguments: ClassifierRegistry.standard.names)
    func logitsEqualPyTorch(name: String) throws {
        let scratch = try Scratch()
        let weights = scratch.path + "/weights.safetensors"
        try writeFormulaWeights(name, classes: 5, to: weights)
        let classifier = try Classifier(name, classes: 5, weights: weights)
        let images = try Tensor(uniform(name + ".images", [2, 64, 64, 3], -2, 2), shape: [2, 64, 64, 3])
        let wanted = try Checkpoint.open(Places.fixtures("training/networks.safetensors"))[name].array(Float.self)
        let found = try classifier.forward(images).array(Float.self)
        // Rounding in f32 of up to a hundred layers.
        #expect(relativeError(found, wanted, width: 5) < 2e-5, "\(found), wanted \(wanted)")
    }
}

/// Writes a checkpoint of a classifier whose values come from the formula under the network's name.
func writeFormulaWeights(_ name: String, classes: Int, to path: String) throws {
    let parameters = try ClassifierRegistry.standard.make(name, classes: classes).parameters.parameters
    let tensors = try parameters.map {
        (name: $0.name, tensor: try Tensor(weightValues($0.name, $0.shape, salt: name + "."), shape: $0.shape))
    }
    try SafeTensors.write(path, tensors, metadata: [:])
}
