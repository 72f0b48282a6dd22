import Checkpoints
import Diffusion
import Files
import Foundation
import Imaging
import Tensors
import TestSupport
import Testing

/// A VQGAN of Tests/Parity/generators/diffusion_vqgan.py.
struct ReferenceVQGAN {
    let name: String
    var yaml: String
    var tensors: [(name: String, tensor: Tensor)]
    private static let fixtures = Places.fixtures("diffusion")

    static let names = ["halved", "wide"]

    init(_ name: String) throws {
        guard let own = try JSON.read(Self.fixtures + "/vqgan.json")[name], let yaml = own["yaml"]?.string else {
            throw FileError.missing(path: "vqgan.json", hint: "it has no \"\(name)\"")
        }
        self.name = name
        self.yaml = yaml
        tensors = try (own["tensors"]?.object ?? []).map { key, shape in
            let shape = shape.array?.compactMap(\.integer) ?? []
            return (key, try Tensor(weightValues(key, shape, salt: "vqgan-\(name)."), shape: shape))
        }
    }

    /// What taming-transformers gives.
    func expected(_ part: String) throws -> Tensor {
        try Checkpoint.open(Self.fixtures + "/vqgan.safetensors")["\(name).\(part)"]
    }

    func input(_ part: String, _ shape: [Int], _ low: Float, _ high: Float) throws -> Tensor {
        try Tensor(uniform("vqgan-\(name).\(part)", shape, low, high), shape: shape)
    }

    /// A folder with the two files; the weights are told by their content, not their name.
    func folder(weights: String = "last.ckpt") throws -> Scratch {
        let folder = try Scratch()
        try folder.write("model.yaml", yaml)
        try SafeTensors.write(folder.path + "/" + weights, tensors)
        return folder
    }
}

@Suite("VQGAN") struct VQGANTests {
    @Test(arguments: ReferenceVQGAN.names) func equalsTaming(name: String) throws {
        let reference = try ReferenceVQGAN(name)
        let folder = try reference.folder()
        let pictures = try reference.input("pictures", [2, 16, 16, 3], -1, 1)
        for (dtype, tolerance) in [(DType.f32, 1e-5), (.bf16, 3e-2)] {
            let vqgan = try VQGAN(folder.path, dtype: dtype)
            let codes = vqgan.codesPerPicture
            let chosen = try reference.input("codes", [2, codes], 0, Float(vqgan.codebookSize)).to(.i64)
            let error = try relativeError(vqgan.decode(chosen), reference.expected("decoded"))
            #expect(error < tolerance, "\(dtype): \(error)")
            guard dtype == .f32 else { continue }
            let found = try vqgan.encode(pictures)
            #expect(
                try found.shape == [2, codes]
                    && found.array(Int64.self) == reference.expected("codes").array(Int64.self))
            // A picture is what it is alone.
            let second = try vqgan.encode(pictures.narrow(0, 1, 1))
            #expect(try second.array(Int64.self) == found.narrow(0, 1, 1).contiguous().array(Int64.self))
        }
        let sizes = try VQGAN(folder.path)
        #expect(sizes.pictureSize == 16 && sizes.dtype == .f32 && sizes.files.count == 2 && sizes.notes.isEmpty)
    }

    @Test func picturesAreCutFromTheirMiddle() throws {
        let folder = try ReferenceVQGAN("halved").folder()
        let vqgan = try VQGAN(folder.path)
        // 33 x 49 to 16 x 24, of which rows 4 to 19 stay; a colour that changes from row to row.
        let rows = (0..<49).flatMap { row in [UInt8](repeating: UInt8(5 * row), count: 33) }
        let image = try Image.from(Tensor(rows, shape: [49, 33]))
        let picture = try vqgan.picture(image)
        let wanted = try image.converted(to: .rgb).resized(width: 16, height: 24, filter: .lanczos)
            .cropped(left: 0, top: 4, width: 16, height: 16).tensor().array(UInt8.self)
        #expect(
            try picture.shape == [1, 16, 16, 3] && picture.array(Float.self) == wanted.map { 2 * (Float($0) / 255) - 1 }
        )
        #expect(try vqgan.encode(picture).shape == [1, 64])
    }

    @Test func lightningsCheckpointGivesItsStateDictAlone() throws {
        let file = try Checkpoint.open(Places.fixtures("diffusion/lightning.ckpt"))
        #expect(file.names == ["quantize.embedding.weight", "loss.logvar"])
        #expect(try file["quantize.embedding.weight"].array(Float.self) == [0, 1, 2, 3, 4, 5])
        #expect(file.metadata["global_step"] == "311")
    }

    @Test func foldersThatDoNotFitAreRefused() throws {
        let reference = try ReferenceVQGAN("halved")
        let folder = try reference.folder()
        func fault() -> String { message { _ = try VQGAN(folder.path) } }
        func write(_ tensors: [(name: String, tensor: Tensor)]) throws {
            try SafeTensors.write(folder.path + "/last.ckpt", tensors)
        }
        try write(reference.tensors + [("loss.discriminator.weight", try .zeros([3])), ("colorize", try .zeros([3]))])
        #expect(throws: Never.self) { _ = try VQGAN(folder.path) }
        try write(reference.tensors + [("los.weight", try .zeros([3]))])
        #expect(fault().contains("1 unused: los.weight"))
        try write(reference.tensors.filter { $0.name != "post_quant_conv.bias" })
        #expect(fault().contains("1 missing: post_quant_conv.bias"))
        try write(reference.tensors)
        let whole = try Data(contentsOf: URL(fileURLWithPath: folder.path + "/last.ckpt"))
        try whole.prefix(whole.count - 5).write(to: URL(fileURLWithPath: folder.path + "/last.ckpt"))
        #expect(fault().contains("last.ckpt"))
        // A pickle that ends early, and one of another model.
        let lightning = try Data(contentsOf: URL(fileURLWithPath: Places.fixtures("diffusion/lightning.ckpt")))
        for (bytes, words) in [(lightning.prefix(lightning.count - 40), "last.ckpt"), (lightning, "of another shape")] {
            try folder.write("last.ckpt", Array(bytes))
            #expect(fault().contains(words), "\(words)")
        }
        try write(reference.tensors)
        try folder.write("other.ckpt", "x")
        let two = fault()
        #expect(two.contains("last.ckpt, other.ckpt") && two.contains("leave one"), "\(two)")
        try FileManager.default.removeItem(atPath: folder.path + "/other.ckpt")
        try folder.write("lightning.yaml", "{}")
        #expect(fault().contains("lightning.yaml, model.yaml"))
        for name in ["lightning.yaml", "model.yaml"] {
            try FileManager.default.removeItem(atPath: folder.path + "/" + name)
        }
        #expect(fault().contains("no .yaml") && fault().contains("last.ckpt"))
        #expect(message { _ = try VQGAN(folder.path + "/nowhere") }.contains("nowhere"))
        #expect(message { _ = try VQGAN(folder.path + "/last.ckpt") }.contains("is a folder"))
        // Safetensors that someone made of a checkpoint.
        let converted = try reference.folder(weights: "vqgan.safetensors")
        #expect(throws: Never.self) { _ = try VQGAN(converted.path) }
    }

    @Test func optionsThatAreNotSupportedAreNamed() throws {
        let reference = try ReferenceVQGAN("halved")
        let folder = try reference.folder()
        for (old, new, word) in [
            ("double_z: false", "double_z: true", "double_z"), ("      double_z: false\n", "", "double_z"),
            ("ch: 32", "ch: 33", "\"ch\""), ("resolution: 16", "resolution: 15", "resolution"),
            ("out_ch: 3", "out_ch: 4", "out_ch"), ("dropout: 0.0", "give_pre_end: true", "give_pre_end"),
            ("dropout: 0.0", "resamp_with_conv: false", "resamp_with_conv"), ("dropout", "drop_out", "drop_out"),
            ("VQModel", "GumbelVQ", "GumbelVQ"), ("n_embed: 24", "n_embed: 0", "n_embed"),
            ("embed_dim: 6", "embed_dim: 6\n    remap: used.npy", "remap"), ("embed_dim", "embed_din", "embed_dim"),
            ("ddconfig:", "ddconfig: 3\n    x:", "ddconfig"), ("model:", "modle:", "model"),
            ("ch_mult: [1, 2]", "ch_mult: 2", "ch_mult"), ("num_res_blocks: 1", "num_res_blocks: 2", "missing"),
            ("model:", "model: [", "model.yaml"),
        ] {
            try folder.write("model.yaml", reference.yaml.replacingOccurrences(of: old, with: new))
            let found = message { _ = try VQGAN(folder.path) }
            #expect(found.contains(word) && found.contains(folder.path), "\(new): \(found)")
        }
        for (old, new) in [
            ("taming.models.vqgan.VQModel", "taming_cxr.models.vqgan.VQModel"), ("dropout: 0.0", "dropout: 0.5"),
            ("embed_dim: 6", "embed_dim: 6\n    monitor: val/rec_loss"),
        ] {
            try folder.write("model.yaml", reference.yaml.replacingOccurrences(of: old, with: new))
            #expect(throws: Never.self, "\(new)") { _ = try VQGAN(folder.path) }
        }
    }

    @Test func badInputIsRefused() throws {
        let folder = try ReferenceVQGAN("halved").folder()
        let vqgan = try VQGAN(folder.path)
        #expect(try vqgan.decode(.zeros([1, 4], .i64)).shape == [1, 4, 4, 3])
        for (codes, words) in [
            (try Tensor.zeros([1, 5], .i64), "[1, 5]"), (try .zeros([4], .i64), "[4]"), (try .zeros([1, 4]), "f32"),
            (try .zeros([0, 4], .i64), "[0, 4]"),
            (try .full([1, 4], .integer(24), .i64), "got 24 in picture 1, place 1"),
            (try .full([1, 4], .integer(-1), .i64), "0 to 23"),
        ] {
            #expect(message { _ = try vqgan.decode(codes) }.contains(words), "\(words)")
        }
        #expect(message { _ = try vqgan.encode(.zeros([1, 5, 4, 3])) }.contains("[1, 5, 4, 3]"))
        #expect(message { _ = try vqgan.encode(.zeros([1, 4, 4, 3], .u8)) }.contains("u8"))
        #expect(message { _ = try vqgan.encode(.full([1, 4, 4, 3], .number(.nan), .f32)) }.contains("not finite"))
    }
}
