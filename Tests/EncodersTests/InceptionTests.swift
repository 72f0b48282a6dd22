import Checkpoints
import Encoders
import Files
import Foundation
import Imaging
import Networks
import Tensors
import TestSupport
import Testing

@Suite(.serialized) struct InceptionTests {
    /// A weight file by formula.
    private static func weights(_ folder: Scratch) throws -> String {
        let path = folder.path + "/inception.safetensors"
        let network = try InceptionV3Network()
        var tensors = try network.parameters.parameters.map { (name: $0.name, tensor: try weight($0.name, $0.shape)) }
        tensors.append((name: "Conv2d_1a_3x3.bn.num_batches_tracked", tensor: try Tensor([Int64(0)], shape: [])))
        try SafeTensors.write(path, tensors, metadata: [:])
        return path
    }

    @Test func equalsTorchFidelity() throws {
        let folder = try Scratch()
        let path = try Self.weights(folder)
        let images = try stack([bytesImage("a", 299, 299), bytesImage("b", 299, 299)])
        let other = try stack([bytesImage("c", 200, 320)])
        for (dtype, tolerance) in [(DType.f32, 1e-5), (.bf16, 2e-2)] {
            let encoder = try InceptionEncoder(weights: path, dtype: dtype)
            #expect(encoder.dimension == 2048)
            let features = try encoder.embed(images)
            #expect(try relativeError(features, expected("inception.features"), width: 2048) < tolerance)
            let first = try stack([bytesImage("a", 299, 299)])
            for output in ["logits_unbiased", "logits"] {
                let logits = try encoder.embed(first, output: output)
                #expect(try relativeError(logits, expected("inception.\(output)"), width: 1008) < tolerance)
            }
            // One pass gives the same bits as a pass for each, in any order.
            let names = ["logits", "2048", "logits_unbiased"]
            for (name, together) in zip(names, try encoder.embed(images, outputs: names)) {
                let alone = try encoder.embed(images, output: name)
                #expect(try together.array(Float.self) == alone.array(Float.self), "\(name)")
            }
            #expect(try relativeError(encoder.forward(other), expected("inception.resized"), width: 2048) < tolerance)
            let floats = try Tensor(first.array(UInt8.self).map { Float($0) }, shape: first.shape)
            #expect(try encoder.forward(floats).array(Float.self) == encoder.forward(first).array(Float.self))

            // An image has the same bits alone, in a batch, and on one thread or several.
            let many = try stack((0..<7).map { try bytesImage($0 % 2 == 0 ? "a" : "b", 299, 299) })
            let rows = try encoder.embed(many).array(Float.self)
            let pair = try features.array(Float.self)
            for row in 0..<7 {
                let from = row % 2 * 2048
                #expect(Array(rows[row * 2048..<(row + 1) * 2048]) == Array(pair[from..<from + 2048]))
            }
        }
    }

    @Test func preprocessingIsPillows() throws {
        let folder = try Scratch()
        let encoder = try InceptionEncoder(weights: try Self.weights(folder), dtype: .f32)
        let gray = try Image(width: 40, height: 30, mode: .gray, pixels: [UInt8](repeating: 77, count: 1200))
        let ready = try encoder.preprocess(gray, protocol: .chexgenbench)
        #expect(ready.shape == [299, 299, 3])
        #expect(try ready.array(UInt8.self).allSatisfy { $0 == 77 })
        let features = try encoder.features(images: [gray, gray, gray], protocol: .exact)
        #expect(features.shape == [3, 2048])
        #expect(try encoder.features(images: [], protocol: .exact).shape == [0, 2048])
        #expect(throws: TensorError.self) { try encoder.features(images: [gray], protocol: .exact, output: "pool3") }
        #expect(throws: TensorError.self) { try encoder.embed(Tensor.zeros([1, 299, 299, 4], .u8)) }
        #expect(throws: TensorError.self) { try encoder.embed(Tensor.zeros([1, 299, 299, 3])) }
        #expect(encoder.files.count == 1)
        #expect(encoder.files[0].sha256.count == 64)
    }

    @Test func wrongWeightsAreNamed() throws {
        let folder = try Scratch()
        let path = folder.path + "/wrong.safetensors"
        try SafeTensors.write(path, [(name: "fc.weight", tensor: try Tensor.zeros([1000, 2048]))], metadata: [:])
        #expect(throws: CheckpointError.self) { try InceptionEncoder(weights: path, dtype: .f32) }
        do {
            _ = try EncoderRegistry.standard.make("inception-v3", weights: "no-such-file.pth", dtype: .f32)
            Issue.record("absent weights were found")
        } catch {
            let text = "\(error)"
            #expect(text.contains("no-such-file.pth") && text.contains(InceptionEncoder.weightsURL))
        }
        #expect(throws: RegistryError.self) { try EncoderRegistry.standard.make("inception", weights: path) }
        #expect(throws: TensorError.self) {
            try EncoderRegistry.standard.make("inception-v3", weights: path, dtype: .f16)
        }
    }
}
