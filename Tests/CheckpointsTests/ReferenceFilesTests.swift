import Checkpoints
import Files
import Foundation
import Tensors
import TestSupport
import Testing

/// Files that torch.save, safetensors and NumPy wrote, made by Tests/Parity/generators/checkpoints_fixtures.py.
@Suite struct ReferenceFilesTests {
    private func check(_ found: Tensor, _ wanted: JSON, _ name: String) throws {
        #expect(found.dtype.rawValue == wanted["dtype"]?.string, "\(name)")
        #expect(found.shape == wanted["shape"]?.array?.compactMap { $0.integer }, "\(name)")
        #expect(try values(found) == wanted["values"]?.array?.compactMap { $0.number }, "\(name)")
    }

    @Test func everyFileGivesTheReferencesTensors() throws {
        let expected = try #require(try JSON.read("\(fixtures)/expected.json").object)
        #expect(expected.count > 20)
        for (file, content) in expected {
            let checkpoint = try Checkpoint.open("\(fixtures)/\(file)")
            let members = try #require(content.object)
            #expect(checkpoint.names.sorted() == members.map { $0.key }.sorted(), "\(file)")
            for (name, wanted) in members { try check(try checkpoint[name], wanted, "\(file): \(name)") }
            #expect(try checkpoint.sha256().count == checkpoint.files.count)
        }
    }

    @Test func numPyFilesLoadByThemselves() throws {
        let expected = try #require(try JSON.read("\(fixtures)/expected.json").object)
        for (file, content) in expected where file.hasSuffix(".npy") {
            let tensor = try NumPyFile.load("\(fixtures)/\(file)")
            #expect(tensor.isContiguous && !tensor.storage.isBorrowed)
            try check(tensor, try #require(content["array"]), file)
        }
        for (file, content) in expected where file.hasSuffix(".npz") {
            for (name, tensor) in try NumPyFile.loadArchive("\(fixtures)/\(file)") {
                #expect(!tensor.storage.isBorrowed)
                try check(tensor, try #require(content[name]), "\(file): \(name)")
            }
        }
    }

    @Test func viewsAndTiedTensorsShareTheMappedFile() throws {
        let checkpoint = try Checkpoint.open("\(fixtures)/zip.pth")
        #expect(try checkpoint["tied.a"].pointer == checkpoint["tied.b"].pointer)
        #expect(try checkpoint["tied.a"].storage.isBorrowed)
        #expect(try checkpoint["transposed"].strides == [1, 6])
        #expect(try checkpoint["window"].offset == 8)
        #expect(try checkpoint["expanded"].strides == [0, 1])
    }

    @Test func aTensorOutlivesItsCheckpoint() throws {
        var tensor = try Checkpoint.open("\(fixtures)/all.safetensors")["base"]
        let first = try values(tensor)
        tensor = try tensor.contiguous()
        #expect(try values(tensor) == first)
    }

    @Test func trainingCheckpointsAreUnwrapped() throws {
        for file in ["training.ckpt", "training_legacy.ckpt"] {
            let checkpoint = try Checkpoint.open("\(fixtures)/\(file)")
            #expect(checkpoint.metadata["epoch"] == "12")
            #expect(checkpoint.metadata["best"] == "0.75")
            #expect(checkpoint.metadata["count"] == "99")
            #expect(checkpoint.metadata["name"] == "resnet")
            let stripped = try checkpoint.strippingPrefixes(toFit: ["0.weight", "0.bias"])
            #expect(stripped.contains("0.weight") && stripped.contains("module.1.weight"))
        }
        #expect(try Checkpoint.open("\(fixtures)/all.safetensors").metadata["note"] == "žluťoučký")
    }

    @Test func whatIsNoPlainTensorIsRefused() {
        let cases = [
            ("negated.pt.refused", "a lazy negation or conjugation"), ("sparse.pt.refused", "_rebuild_sparse_tensor"),
            ("module.pt.refused", "torch.nn.modules.container.Sequential"),
        ]
        for (file, text) in cases {
            #expect(message { _ = try Checkpoint.open("\(fixtures)/\(file)") }.contains(text), "\(file)")
        }
    }

    @Test func shardsAreOneCheckpoint() throws {
        let checkpoint = try Checkpoint.open("\(fixtures)/sharded")
        #expect(checkpoint.files.count == 3)
        #expect(checkpoint.shape(of: "a") == [2, 3])
        let scratch = try Scratch()
        let index = try FileReader.data("\(fixtures)/sharded/model.safetensors.index.json", limit: 10_000)
        let path = try scratch.write("model.safetensors.index.json", Array(index))
        #expect(message { _ = try Checkpoint.open(path) }.contains("model-00001-of-00002.safetensors: no such file"))
        let bad = try scratch.write("bad.index.json", #"{"weight_map": {"a": "../x.safetensors"}}"#)
        #expect(message { _ = try Checkpoint.open(bad) }.contains("weight_map.a: wanted the name of a file"))
        for name in ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"] {
            try scratch.write(name, Array(try FileReader.data("\(fixtures)/sharded/\(name)", limit: 10_000)))
        }
        #expect(try Checkpoint.open(scratch.path).names.sorted() == ["a", "b", "c"])
        let swapped = try scratch.write(
            "swapped.index.json", #"{"weight_map": {"a": "model-00002-of-00002.safetensors"}}"#)
        #expect(message { _ = try Checkpoint.open(swapped) }.contains("tensor \"a\": missing, though"))
    }

    /// A folder with nothing but a variant's shards: under diffusers' names, and under older ones.
    @Test func aVariantsShardsAreOneCheckpoint() throws {
        let own = try FileReader.text("\(fixtures)/sharded/model.safetensors.index.json", limit: 10_000)
        for (index, first, last) in [
            ("diffusion_pytorch_model.safetensors.index.fp16.json", "diffusion_pytorch_model.fp16-", ""),
            ("model.safetensors.index.fp16.json", "model.fp16-", ""),
            ("model.safetensors.index.fp16.json", "model-", ".fp16"),
            ("other.safetensors.index.json", "other-", ""),
        ] {
            let scratch = try Scratch()
            func name(_ shard: Int) -> String { "\(first)0000\(shard)-of-00002\(last).safetensors" }
            var text = own
            for shard in 1...2 {
                let old = "model-0000\(shard)-of-00002.safetensors"
                text = text.replacingOccurrences(of: "\"\(old)\"", with: "\"\(name(shard))\"")
                try scratch.write(name(shard), Array(try FileReader.data("\(fixtures)/sharded/\(old)", limit: 10_000)))
            }
            try scratch.write(index, text)
            #expect(try Checkpoint.open(scratch.path).names.sorted() == ["a", "b", "c"], "\(index)")
            if index.contains("fp16") {
                #expect(try Checkpoint.open(scratch.path, variant: "fp16").files.count == 3)
            }
            try FileManager.default.removeItem(atPath: scratch.path + "/" + name(2))
            let missing = message { _ = try Checkpoint.open(scratch.path) }
            #expect(missing.contains(name(2)) && missing.contains("lists it among 2 shards"), "\(missing)")
            try scratch.write("second.safetensors.index.bf16.json", text)
            #expect(message { _ = try Checkpoint.open(scratch.path) }.contains("2 files may be meant"), "\(index)")
        }
    }

    /// Whatever is cut from a file or changed in it, reading gives tensors or an error, and nothing else.
    @Test func damagedFilesAreErrorsOrTensors() throws {
        let scratch = try Scratch()
        var random = NumPyRandom(seed: 11)
        for file in ["zip.pth", "legacy.pth", "training.ckpt", "all.safetensors", "deflated.npz", "fortran.npy"] {
            let original = Array(try FileReader.data("\(fixtures)/\(file)", limit: 1 << 20))
            for round in 0..<300 {
                var damaged = original
                if round % 3 == 0 {
                    damaged.removeLast(1 + random.index(below: original.count))
                } else {
                    for _ in 0..<1 + round % 5 {
                        // Half of the damage goes to the first and last bytes, where the structure lies.
                        let near = random.index(below: min(original.count, 600))
                        let anywhere = random.index(below: original.count)
                        let position = [near, original.count - 1 - near, anywhere, anywhere][random.index(below: 4)]
                        damaged[position] = UInt8(random.index(below: 256))
                    }
                }
                let path = try scratch.write("damaged", damaged)
                do {
                    let checkpoint = try Checkpoint.open(path)
                    for name in checkpoint.names { _ = try checkpoint[name].contiguous() }
                } catch is FileError {} catch is CheckpointError {} catch is TensorError {}
            }
        }
    }

    /// Every entry of torch.save's zip has a checksum: a flipped bit is an error that names its entry, or changes no value.
    @Test func oneFlippedBitGivesNoOtherValues() throws {
        let sound = try Checkpoint.open("\(fixtures)/zip.pth")
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(fixtures)/zip.pth")))
        let scratch = try Scratch()
        var named = Set<String>()
        for position in stride(from: 0, to: bytes.count, by: 29) {
            var damaged = bytes
            damaged[position] ^= 0x40
            let path = try scratch.write("w.pth", damaged)
            let text = complaint {
                let checkpoint = try Checkpoint.open(path)
                for name in checkpoint.names {
                    let (found, wanted) = (try checkpoint[name].contiguous(), try sound[name].contiguous())
                    let size = wanted.count * wanted.dtype.size
                    #expect(found.shape == wanted.shape && found.dtype == wanted.dtype, "byte \(position)")
                    #expect(memcmp(found.pointer, wanted.pointer, size) == 0, "byte \(position)")
                }
            }
            for entry in ["data.pkl", "data/"] where text.contains(entry) && text.contains("CRC-32 is wrong") {
                named.insert(entry)
            }
        }
        #expect(named == ["data.pkl", "data/"])
    }

}
