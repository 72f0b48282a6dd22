import Checkpoints
import Tensors
import TestSupport
import Testing

@Suite struct TorchFileTests {
    @Test func whatIsWrittenIsRead() throws {
        let folder = try Scratch()
        let path = folder.path + "/weights.bin"
        let tensors: [(name: String, tensor: Tensor)] = [
            ("a.weight", try Tensor((0..<300).map { Float($0) / 7 }, shape: [3, 100])),
            ("a.bias", try Tensor([Float(1), -2, 3.5], shape: [3])),
            ("half", try Tensor([Float(0.5), 2], shape: [2]).to(.bf16)),
        ]
        try TorchFile.write(path, tensors)
        let found = try Checkpoint.open(path)
        #expect(Set(found.names) == ["a.weight", "a.bias", "half"])
        for (name, tensor) in tensors {
            #expect(try found[name].shape == tensor.shape)
            #expect(try found[name].array(Float.self) == tensor.to(.f32).array(Float.self))
        }
    }
}
