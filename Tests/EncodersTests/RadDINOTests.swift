import Checkpoints
import Encoders
import Files
import Foundation
import Identity
import Imaging
import Networks
import Tensors
import TestSupport
import Testing

private let small = """
    {"model_type": "dinov2", "hidden_size": 96, "num_hidden_layers": 3, "num_attention_heads": 3, "image_size": 70,
     "patch_size": 14, "architectures": ["Dinov2Model"], "layerscale_value": 1.0}
    """
private let gated = """
    {"model_type": "dinov2", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 1, "image_size": 154,
     "mlp_ratio": 3, "use_swiglu_ffn": true, "qkv_bias": false}
    """
private let processor = """
    {"do_resize": true, "size": {"shortest_edge": 76}, "resample": 3, "crop_size": {"height": 70, "width": 70},
     "do_rescale": true, "rescale_factor": 0.00392156862745098, "image_mean": [0.5307, 0.5, 0.45],
     "image_std": [0.2583, 0.25, 0.3], "image_processor_type": "BitImageProcessor", "do_convert_rgb": true}
    """

/// A model folder with weights by formula.
private func model(
    _ configuration: String, salt: String, rename: (String) -> String = { $0 }
) throws -> Scratch {
    let folder = try Scratch()
    try folder.write("config.json", configuration)
    try folder.write("preprocessor_config.json", processor)
    let network = try Dinov2Network(Dinov2Configuration(path: folder.path + "/config.json"))
    var tensors = try network.parameters.parameters.map {
        (name: rename($0.name), tensor: try weight($0.name, $0.shape, salt: salt))
    }
    tensors.append((name: "embeddings.mask_token", tensor: try Tensor.zeros([1, network.configuration.hiddenSize])))
    try SafeTensors.write(folder.path + "/model.safetensors", tensors, metadata: ["format": "pt"])
    return folder
}

private func pixels(_ name: String, _ shape: [Int]) throws -> Tensor {
    try Tensor(uniform(name, shape, -2, 2), shape: shape)
}

@Suite struct RadDINOTests {
    @Test func equalsTransformers() throws {
        let folder = try model(small, salt: "small.")
        for (dtype, tolerance) in [(DType.f32, 1e-5), (.bf16, 2e-2)] {
            let encoder = try RadDINO(weights: folder.path, dtype: dtype)
            #expect(encoder.dimension == 96)
            let batch = try pixels("pixels", [2, 70, 70, 3])
            #expect(try relativeError(encoder.forward(batch), expected("small.pooled"), width: 96) < tolerance)
            let tokens = try encoder.tokens(batch).array(Float.self)
            let first = try Tensor(Array(tokens.prefix(26 * 96)), shape: [26, 96])
            #expect(try relativeError(first, expected("small.tokens"), width: 26 * 96) < tolerance)
            for (name, shape) in [("wide", [1, 56, 84, 3]), ("large", [1, 98, 98, 3]), ("odd", [1, 75, 80, 3])] {
                let result = try encoder.forward(pixels(name, shape))
                #expect(try relativeError(result, expected("small.\(name)"), width: 96) < tolerance, "\(name)")
            }
        }
    }

    @Test func imagesTakeBothWays() throws {
        let folder = try model(small, salt: "small.")
        let encoder = try RadDINO(weights: folder.path, dtype: .f32)
        let film = try Image.from(bytesImage("film", 150, 91))
        for way in Protocol.allCases {
            let features = try encoder.features(images: [film], protocol: way)
            #expect(try relativeError(features, expected("small.\(way.rawValue)"), width: 96) < 1e-5, "\(way)")
        }
        let many = try encoder.features(images: [Image](repeating: film, count: 5), protocol: .exact).array(Float.self)
        let one = try encoder.features(images: [film], protocol: .exact).array(Float.self)
        for row in 0..<5 { #expect(Array(many[row * 96..<(row + 1) * 96]) == one) }
        #expect(encoder.files.count == 3)
        let again = try RadDINO(weights: folder.path, dtype: .f32)
        let other = try RadDINO(weights: folder.path, dtype: .bf16)
        for way in Protocol.allCases {
            #expect(try encoder.identity(way) == again.identity(way, output: "pooler_output"))
            #expect(try encoder.identity(way) != other.identity(way))
        }
        #expect(try encoder.identity(.exact) != encoder.identity(.chexgenbench))
        #expect(throws: TensorError.self) { try encoder.identity(.exact, output: "logits") }
    }

    @Test func imagesOfOneCallMayDifferInSize() throws {
        let folder = try model(small, salt: "small.")
        let encoder = try RadDINO(weights: folder.path, dtype: .f32)
        let films = try [bytesImage("a", 70, 70), bytesImage("b", 84, 56), bytesImage("c", 70, 98)]
        let together = try encoder.embed(films, outputs: ["pooler_output"])[0].array(Float.self)
        for (row, film) in films.enumerated() {
            let alone = try encoder.embed([film], outputs: ["features"])[0].array(Float.self)
            #expect(Array(together[row * 96..<(row + 1) * 96]) == alone)
        }
        #expect(try encoder.embed([], outputs: ["features"])[0].shape == [0, 96])
    }

    @Test func gatedNetworksAndSeveralTiles() throws {
        let folder = try model(gated, salt: "gated.")
        for (dtype, tolerance) in [(DType.f32, 1e-5), (.bf16, 2e-2)] {
            let encoder = try RadDINO(weights: folder.path, dtype: dtype)
            let result = try encoder.forward(pixels("gated", [1, 154, 154, 3]))
            #expect(try relativeError(result, expected("gated.pooled"), width: 64) < tolerance)
        }
    }

    @Test func renamedTensorsAreFound() throws {
        let folder = try model(small, salt: "small.") { name in
            var name = name
            for (old, new) in [
                ("attention.attention.query", "attention.q_proj"), ("attention.attention.key", "attention.k_proj"),
                ("attention.attention.value", "attention.v_proj"), ("attention.output.dense", "attention.o_proj"),
            ] { name = name.replacingOccurrences(of: old, with: new) }
            return name
        }
        let encoder = try RadDINO(weights: folder.path + "/model.safetensors", dtype: .f32)
        let result = try encoder.forward(pixels("pixels", [2, 70, 70, 3]))
        #expect(try relativeError(result, expected("small.pooled"), width: 96) < 1e-5)
    }

    @Test func configurationsAreRead() throws {
        let folder = try Scratch()
        func read(_ old: String, _ new: String) throws {
            try folder.write("config.json", small.replacingOccurrences(of: old, with: new))
            _ = try Dinov2Configuration(path: folder.path + "/config.json")
        }
        try read("", "")
        for (old, new) in [
            ("\"dinov2\"", "\"vit\""), ("\"num_attention_heads\": 3", "\"num_attention_heads\": 5"),
            ("\"layerscale_value\"", "\"mlp_ratioo\""), ("\"patch_size\": 14", "\"patch_size\": 0"),
            ("\"hidden_size\": 96", "\"hidden_size\": 1e99"), ("\"patch_size\": 14", "\"hidden_act\": \"mish\""),
            ("{", "[{"), ("\"image_size\": 70", "\"image_size\": [70, 70]"),
        ] {
            #expect(throws: FileError.self, "\(new)") { try read(old, new) }
        }
        func process(_ old: String, _ new: String) throws {
            try folder.write("p.json", processor.replacingOccurrences(of: old, with: new))
            _ = try ImageProcessor(path: folder.path + "/p.json")
        }
        try process("", "")
        try process("{\"shortest_edge\": 76}", "76")
        for (old, new) in [
            ("\"resample\": 3", "\"resample\": 9"), ("\"do_convert_rgb\"", "\"do_flip\""), ("76", "0"), ("0.25,", "0,"),
            ("[0.5307, 0.5, 0.45]", "[0.5]"), ("Bit", "Clip"),
        ] {
            #expect(throws: FileError.self, "\(new)") { try process(old, new) }
        }
    }

    @Test func absentFilesAreNamed() throws {
        let folder = try model(small, salt: "small.")
        for file in ["preprocessor_config.json", "config.json", "model.safetensors"] {
            try FileManager.default.removeItem(atPath: "\(folder.path)/\(file)")
            do {
                _ = try RadDINO(weights: folder.path, dtype: .f32)
                Issue.record("\(file) is not missed")
            } catch { #expect("\(error)".contains(file)) }
            try folder.write(file, file == "config.json" ? small : processor)
        }
        #expect(throws: CheckpointError.self) {
            try EncoderRegistry.standard.make("rad-dino", weights: folder.path + "/none")
        }
        let whole = try model(small, salt: "small.")
        let encoder = try RadDINO(weights: whole.path, dtype: .f32)
        #expect(throws: TensorError.self) { try encoder.forward(Tensor.zeros([1, 70, 70, 4])) }
        #expect(throws: TensorError.self) { try encoder.forward(Tensor.zeros([1, 10, 70, 3])) }
        #expect(throws: TensorError.self) { try encoder.forward(Tensor.zeros([1, 70, 70, 3], .u8)) }
        #expect(throws: TensorError.self) { try encoder.embed(Tensor.zeros([70, 70, 3], .u8)) }
    }
}
