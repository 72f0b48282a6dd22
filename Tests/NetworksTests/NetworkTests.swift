import Engine
import Networks
import ReferenceExecution
import TestSupport
import Tensors
import Testing

/// A network, as a computation.
private enum Network: Computation {
    case dinov2(Dinov2Network)
    case dinov2Tokens(Dinov2Network)
    case dinov2Patches(Dinov2Network, skipping: Int)
    case projector(ProjectorNetwork)
    case inception(InceptionV3Network)
    case classifier(any ClassifierNetwork)
    case films(BioViLTImageNetwork)
    case unet(UNetNetwork)
    case encoding(AutoencoderNetwork)
    case decoding(AutoencoderNetwork)
    case vqganEncoding(VQGANNetwork)
    case vqganDecoding(VQGANNetwork, codes: Tensor)
    case clip(CLIPTextNetwork, ids: Tensor, skipping: Int)
    case bert(BERTTextNetwork, ids: Tensor)
    case bertProjection(BERTTextNetwork, ids: Tensor)
    case chexbert(CheXbertNetwork, ids: Tensor, padding: Tensor?)
    case radgraph(RadGraphNetwork, ids: Tensor)
    case t5(T5EncoderNetwork, ids: Tensor, padding: Tensor?)
    case gemma2(Gemma2Network, ids: Tensor, padding: Tensor?)
    case language(any CausalNetwork, ids: Tensor)
    case pixart(PixArtNetwork)
    case sana(SanaNetwork)
    case deepEncoding(DeepAutoencoderNetwork)
    case deepDecoding(DeepAutoencoderNetwork)
    case sd3(SD3Network)
    case flux(FluxNetwork)
    case lumina2(Lumina2Network)

    func run<E: Execution>(_ x: [E.Value], on execution: E) throws -> E.Value {
        switch self {
        case .dinov2(let network): return try network.pooled(x[0], on: execution)
        case .dinov2Tokens(let network): return try network.tokens(x[0], on: execution)
        case .dinov2Patches(let network, let skipped):
            return try network.patches(x[0], skipping: skipped, on: execution)
        case .projector(let network): return try network.forward(x[0], on: execution)
        case .inception(let network):
            let features = try network.features(x[0], on: execution)
            let unbiased = try network.logitsUnbiased(features, on: execution)
            return try execution.concatenate([features, unbiased, network.logits(unbiased: unbiased, on: execution)])
        case .classifier(let network): return try network.forward(x[0], on: execution)
        case .films(let network): return try network.forward(x[0], on: execution)
        case .unet(let network): return try network.forward(x[0], timestep: 381, text: x[1], on: execution)
        case .encoding(let network): return try network.encode(x[0], on: execution)
        case .decoding(let network): return try network.decode(x[0], on: execution)
        case .vqganEncoding(let network): return try network.encode(x[0], on: execution)
        case .vqganDecoding(let network, let codes):
            return try network.decode(codes, grid: (2, 3), on: execution)
        case .clip(let network, let ids, let skipping):
            let request = TextRequest(skipping: skipping, isNormalized: skipping == 0, isPooled: true)
            let found = try network.encode(ids, padding: nil, request, on: execution)
            let vectors = try execution.reshape(found.pooled ?? found.states, [ids.shape[0], 1, network.width])
            return try execution.concatenate([found.states, vectors], axis: 1)
        case .bert(let network, let ids): return try network.encode(ids, mask: .bias(x[0]), on: execution).states
        case .radgraph(let network, let ids):
            let states = try network.bert.encode(ids, padding: nil, .last, on: execution).states
            let words = try execution.reshape(states, [ids.count, network.bert.width])
            let width = try execution.narrow(execution.parameter(network.widths), axis: 0, 0..<1)
            let widths = try execution.add(execution.narrow(words, axis: 1, 0..<width.shape[1]), width)
            let spans = try execution.concatenate([words, words, widths])
            let scores = try network.spans(spans, on: execution)
            let pairs = try network.pairs(execution.concatenate([spans, spans, spans]), on: execution)
            return try execution.concatenate([scores, pairs])
        case .chexbert(let network, let ids, let padding):
            return try network.forward(ids, padding: padding, on: execution)
        case .bertProjection(let network, let ids):
            let found = try network.encode(ids, padding: nil, TextRequest(isPooled: true), on: execution)
            return found.pooled ?? found.states
        case .t5(let network, let ids, let padding):
            return try network.encode(ids, padding: padding, .last, on: execution).states
        case .gemma2(let network, let ids, let padding):
            return try network.encode(ids, padding: padding, .last, on: execution).states
        case .language(let network, let ids):
            return try network.logits(
                network.states(network.embed(ids, on: execution), .whole, on: execution), on: execution)
        case .pixart(let network):
            return try network.forward(x[0], timestep: 381, text: x[1], mask: .lengths([3, 2]), on: execution)
        case .sana(let network):
            return try network.forward(x[0], timestep: 381, text: x[1], mask: .lengths([3, 2]), on: execution)
        case .deepEncoding(let network): return try network.encode(x[0], on: execution)
        case .deepDecoding(let network): return try network.decode(x[0], on: execution)
        case .sd3(let network):
            return try network.forward(x[0], timestep: 381, text: x[1], pooled: x[2], on: execution)
        case .flux(let network):
            return try network.forward(x[0], timestep: 381, guidance: 3.5, text: x[1], pooled: x[2], on: execution)
        case .lumina2(let network): return try network.forward(x[0], time: 0.619, text: x[1], on: execution)
        }
    }

    var parameters: ParameterScope {
        switch self {
        case .dinov2(let network), .dinov2Tokens(let network), .dinov2Patches(let network, _):
            return network.parameters
        case .projector(let network): return network.parameters
        case .inception(let network): return network.parameters
        case .classifier(let network): return network.parameters
        case .films(let network): return network.parameters
        case .unet(let network): return network.parameters
        case .encoding(let network), .decoding(let network): return network.parameters
        case .vqganEncoding(let network), .vqganDecoding(let network, _): return network.parameters
        case .clip(let network, _, _): return network.parameters
        case .bert(let network, _), .bertProjection(let network, _): return network.parameters
        case .chexbert(let network, _, _): return network.parameters
        case .radgraph(let network, _): return network.parameters
        case .t5(let network, _, _): return network.parameters
        case .gemma2(let network, _, _): return network.parameters
        case .language(let network, _): return network.parameters
        case .pixart(let network): return network.parameters
        case .sana(let network): return network.parameters
        case .deepEncoding(let network), .deepDecoding(let network): return network.parameters
        case .sd3(let network): return network.parameters
        case .flux(let network): return network.parameters
        case .lumina2(let network): return network.parameters
        }
    }
}

/// Every network on every executor, in both dtypes, and on the recorder, with its gradients, beside plain loops in f64.
@Suite struct NetworkTests {
    /// - Parameters:
    ///   - every: which of the parameters' gradients are compared: each of so many.
    ///   - unreached: parameters that have none; see `Comparison.recorderError`.
    private func check(
        _ comment: String, _ network: Network, _ shapes: [Int]..., every: Int = 1, unreached: [String] = [],
        tolerances: (f32: Double, bf16: Double, gradient: Double) = (1e-5, 2e-2, 1e-4)
    ) throws {
        let inputs = shapes.enumerated().map { Input($0 == 0 ? "x" : "x\($0)", $1) }
        let comparison = try Comparison(network, inputs, network.parameters)
        for (dtype, tolerance) in [(DType.f32, tolerances.f32), (.bf16, tolerances.bf16)] {
            for (executor, error) in try comparison.errors(in: dtype) {
                #expect(error < tolerance, "\(comment), \(executor), \(dtype): \(error)")
            }
        }
        let (error, of) = try comparison.recorderError(every: every, unreached: unreached)
        #expect(error < tolerances.gradient, "\(comment), recorder, \(of): \(error)")
    }

    /// What an encoding does not ask of an autoencoder, and a decoding.
    private static let decoder = ["decoder.", "post_quant_conv.", "quantize."]
    private static let encoder = ["encoder.", "quant_conv."]

    /// What `make` gives for a configuration file with this text.
    private func configured<Made>(_ text: String, _ make: (String) throws -> Made) throws -> Made {
        let scratch = try Scratch()
        try scratch.write("config.json", text)
        return try make(scratch.path + "/config.json")
    }

    private func dinov2(_ text: String) throws -> Dinov2Network {
        try configured(text) { try Dinov2Network(Dinov2Configuration(path: $0)) }
    }

    @Test func dinov2() throws {
        let small = """
            {"model_type": "dinov2", "hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 3,
             "image_size": 28, "patch_size": 7}
            """
        try check("dinov2", .dinov2(dinov2(small)), [2, 28, 28, 3])
        // Resized positions are a table.
        try check(
            "dinov2, other sizes", .dinov2Tokens(dinov2(small)), [2, 21, 35, 3],
            unreached: ["embeddings.position_embeddings"])
        try check(
            "dinov2, patches", .dinov2Patches(dinov2(small), skipping: 1), [2, 28, 28, 3],
            unreached: ["encoder.layer.1.", "layernorm."])
        try check("projector", .projector(ProjectorNetwork(inputs: 10, outputs: 14, depth: 2)), [2, 5, 10])
        let gated = """
            {"model_type": "dinov2", "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 1,
             "image_size": 14, "patch_size": 7, "mlp_ratio": 3, "use_swiglu_ffn": true, "qkv_bias": false}
            """
        try check("gated dinov2", .dinov2Tokens(dinov2(gated)), [1, 14, 14, 3])
    }

    @Test func resNets() throws {
        try check(
            "basic", .classifier(ResNet(depths: [1, 1, 1, 1], isBottleneck: false, classes: 3)), [2, 34, 34, 3],
            every: 5)
        try check(
            "bottleneck", .classifier(ResNet(depths: [2, 1, 1, 1], isBottleneck: true, classes: 3)), [1, 33, 33, 3],
            every: 9)
    }

    @Test func bioViLT() throws {
        try check(
            "biovil-t", .films(BioViLTImageNetwork(inner: 16, hidden: 8, width: 6)), [1, 33, 33, 3], every: 31)
    }

    @Test func denseNet() throws {
        try check("densenet", .classifier(DenseNet(depths: [2, 1, 2], classes: 4)), [2, 32, 32, 3], every: 7)
    }

    @Test func inceptionV3() throws {
        try check("inception", .inception(InceptionV3Network()), [1, 75, 75, 3], every: 41)
    }

    @Test func unet() throws {
        for (comment, more) in [
            ("unet", #""attention_head_dim": 2, "use_linear_projection": true"#),
            (
                "unet, deeper",
                #""attention_head_dim": [1, 2], "layers_per_block": [1, 2], "only_cross_attention": true, "#
                    + #""flip_sin_to_cos": false, "freq_shift": 1, "center_input_sample": true, "downsample_padding": 0"#
            ),
        ] {
            let network = try configured(
                """
                {"_class_name": "UNet2DConditionModel", "sample_size": 8, "block_out_channels": [8, 16],
                 "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"], "cross_attention_dim": 12,
                 "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"], "norm_num_groups": 4, \(more)}
                """
            ) { try UNetNetwork(UNetConfiguration(path: $0)) }
            try check(
                comment, .unet(network), [1, 6, 5, 4], [1, 3, 12], every: 17, tolerances: (2e-5, 4e-2, 3e-4))
        }
    }

    @Test func autoencoder() throws {
        let network = try configured(
            """
            {"_class_name": "AutoencoderKL", "block_out_channels": [4, 8], "norm_num_groups": 2, "latent_channels": 3,
             "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D"],
             "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D"]}
            """
        ) { try AutoencoderNetwork(AutoencoderConfiguration(path: $0)) }
        try check(
            "encode", .encoding(network), [1, 8, 6, 3], every: 9, unreached: Self.decoder,
            tolerances: (2e-5, 4e-2, 3e-4))
        try check(
            "decode", .decoding(network), [1, 3, 4, 3], every: 9, unreached: Self.encoder,
            tolerances: (2e-5, 4e-2, 3e-4))
    }

    /// Attentions in a level and in the middle, and a first level that is wider than what comes before it.
    @Test func vqgan() throws {
        let network = try configured(
            """
            {"model": {"params": {"n_embed": 7, "embed_dim": 5, "ddconfig": {
             "double_z": false, "z_channels": 6, "resolution": 8, "in_channels": 3, "out_ch": 3, "ch": 32, "ch_mult": [2, 1],
             "num_res_blocks": 1, "attn_resolutions": [4]}}}}
            """
        ) { try VQGANNetwork(VQGANConfiguration(path: $0)) }
        let codes = try Tensor([3, 0, 6, 6, 1, 5] as [Int64], shape: [1, 6])
        try check(
            "encode", .vqganEncoding(network), [1, 4, 6, 3], every: 9, unreached: Self.decoder,
            tolerances: (2e-5, 4e-2, 3e-4))
        try check(
            "decode", .vqganDecoding(network, codes: codes), every: 9, unreached: Self.encoder,
            tolerances: (2e-5, 4e-2, 3e-4))
    }

    @Test func textModels() throws {
        let ids = try Tensor([3, 7, 7, 1, 0, 9, 2, 4, 5, 11] as [Int64], shape: [2, 5])
        let sizes = #""hidden_size": 12, "intermediate_size": 20, "num_hidden_layers": 2, "num_attention_heads": 3, "#
        let clip = try configured(
            "{\"model_type\": \"clip_text_model\", \(sizes) \"vocab_size\": 12, \"max_position_embeddings\": 7}"
        ) { try CLIPTextNetwork(CLIPTextConfiguration(path: $0)) }
        try check("clip", .clip(clip, ids: ids, skipping: 0), every: 5)
        // Of a bias of keys softmax takes nothing, here to the last bit.
        try check(
            "clip, penultimate", .clip(clip, ids: ids, skipping: 1), every: 5,
            unreached: ["encoder.layers.1.self_attn.k_proj.bias"])
        let bert = try configured(
            "{\"model_type\": \"cxr-bert\", \(sizes) \"vocab_size\": 12, \"projection_size\": 6}"
        ) { try BERTTextNetwork(BERTTextConfiguration(path: $0)) }
        try check(
            "bert, with a bias", .bert(bert, ids: ids), [2, 1, 5, 5], every: 5, unreached: ["cls_projection_head."])
        try check("bert, projected", .bertProjection(bert, ids: ids), every: 5)
        let chexbert = try CheXbertNetwork(
            BERTTextConfiguration(
                vocabularySize: 12, hiddenSize: 12, mlpSize: 20, layers: 2, heads: 3, positions: 7, tokenTypes: 2))
        let padding = try Tensor([1, 1, 1, 1, 1, 1, 1, 1, 0, 0] as [Int64], shape: [2, 5])
        try check("chexbert", .chexbert(chexbert, ids: ids, padding: nil), every: 5)
        try check("chexbert, padded", .chexbert(chexbert, ids: ids, padding: padding), every: 5)
        let radgraph = try RadGraphNetwork(
            BERTTextConfiguration(
                vocabularySize: 12, hiddenSize: 12, mlpSize: 20, layers: 1, heads: 3, positions: 7, tokenTypes: 2),
            .init(spanWidth: 3, featureSize: 4, hidden: [8, 6], entities: 4, relations: 3), dataset: "radgraph-xl")
        try check("radgraph", .radgraph(radgraph, ids: ids), every: 5)
    }

    @Test func largeTextModels() throws {
        let ids = try Tensor([3, 7, 7, 1, 0, 9, 2, 4, 5, 11] as [Int64], shape: [2, 5])
        let padding = try Tensor([1, 1, 1, 1, 1, 1, 1, 1, 0, 0] as [Int64], shape: [2, 5])
        let t5 = try configured(
            """
            {"model_type": "t5", "vocab_size": 12, "d_model": 12, "d_kv": 6, "d_ff": 20, "num_layers": 2, "num_heads": 3,
             "relative_attention_num_buckets": 8, "relative_attention_max_distance": 4, "feed_forward_proj": "gated-gelu"}
            """
        ) { try T5EncoderNetwork(T5Configuration(path: $0)) }
        // All gradients, so that of the places' bias is among them.
        try check("t5", .t5(t5, ids: ids, padding: nil))
        try check("t5, padded", .t5(t5, ids: ids, padding: padding))
        let gemma = try configured(
            """
            {"model_type": "gemma2", "vocab_size": 12, "hidden_size": 12, "intermediate_size": 20, "num_hidden_layers": 2,
             "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 6, "query_pre_attn_scalar": 9,
             "sliding_window": 2, "attn_logit_softcapping": 2}
            """
        ) { try Gemma2Network(Gemma2Configuration(path: $0), bendsScores: true) }
        try check("gemma2", .gemma2(gemma, ids: ids, padding: nil), every: 5)
        try check("gemma2, padded", .gemma2(gemma, ids: ids, padding: padding), every: 5)
    }

    @Test func languageModels() throws {
        let ids = try Tensor([3, 5, 0, 11, 7, 7, 1, 9, 4, 2] as [Int64], shape: [2, 5])
        let llama = try configured(
            """
            {"model_type": "llama", "vocab_size": 12, "hidden_size": 12, "intermediate_size": 20, "num_hidden_layers": 2,
             "num_attention_heads": 2, "num_key_value_heads": 1}
            """
        ) { try LlamaNetwork(LlamaConfiguration(path: $0)) }
        try check("llama", .language(llama, ids: ids), every: 3)
        for parallel in [true, false] {
            let neox = try configured(
                """
                {"model_type": "gpt_neox", "vocab_size": 12, "hidden_size": 16, "intermediate_size": 20,
                 "num_hidden_layers": 2, "num_attention_heads": 2, "rotary_pct": 0.5, "use_parallel_residual": \(parallel)}
                """
            ) { try GPTNeoXNetwork(GPTNeoXConfiguration(path: $0)) }
            try check("gpt-neox, parallel: \(parallel)", .language(neox, ids: ids), every: 3)
        }
        // The table of tokens is the head, too: its gradient comes from both ends.
        let gemma = try configured(
            """
            {"model_type": "gemma2", "vocab_size": 12, "hidden_size": 12, "intermediate_size": 20, "num_hidden_layers": 2,
             "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 6, "query_pre_attn_scalar": 9,
             "sliding_window": 2, "final_logit_softcapping": 2}
            """
        ) { try Gemma2Network(Gemma2Configuration(path: $0), isCausal: true) }
        try check("gemma2, causal", .language(gemma, ids: ids), every: 3)
    }

    @Test func pixart() throws {
        let network = try configured(
            """
            {"_class_name": "PixArtTransformer2DModel", "sample_size": 8, "num_attention_heads": 2, "attention_head_dim": 8,
             "cross_attention_dim": 16, "num_layers": 2, "caption_channels": 10, "use_additional_conditions": false}
            """
        ) { try PixArtNetwork(PixArtConfiguration(path: $0)) }
        try check("pixart", .pixart(network), [2, 4, 6, 4], [2, 3, 10], every: 11, tolerances: (2e-5, 4e-2, 3e-4))
    }

    @Test func sana() throws {
        let sizes =
            #""sample_size": 6, "in_channels": 4, "num_attention_heads": 4, "attention_head_dim": 4, "num_layers": 2, "#
            + #""num_cross_attention_heads": 2, "cross_attention_head_dim": 8, "cross_attention_dim": 16, "caption_channels": 10"#
        for (comment, more) in [
            ("sana", #""out_channels": 4"#),
            (
                "sana, more",
                #""out_channels": 8, "patch_size": 2, "attention_bias": true, "norm_elementwise_affine": true, "#
                    + #""interpolation_scale": 1, "qk_norm": "rms_norm_across_heads", "timestep_scale": 0.5, "mlp_ratio": 1.3"#
            ),
        ] {
            let network = try configured("{\(sizes), \(more)}") { try SanaNetwork(path: $0) }
            try check(comment, .sana(network), [2, 4, 6, 4], [2, 3, 10], every: 13, tolerances: (2e-5, 4e-2, 3e-4))
        }
    }

    @Test func deepAutoencoder() throws {
        for (comment, more) in [
            (
                "dc-ae",
                #""encoder_layers_per_block": [1, 1, 1], "decoder_layers_per_block": [1, 1, 1], "#
                    + #""downsample_block_type": "conv", "upsample_block_type": "interpolate""#
            ),
            (
                "dc-ae, more",
                #""encoder_layers_per_block": [0, 1, 1], "decoder_layers_per_block": [0, 1, 2], "#
                    + #""decoder_norm_types": ["rms_norm", "batch_norm", "batch_norm"], "decoder_act_fns": "relu""#
            ),
        ] {
            let network = try configured(
                """
                {"latent_channels": 4, "attention_head_dim": 4, "encoder_block_out_channels": [4, 4, 8],
                 "decoder_block_out_channels": [4, 4, 8], "encoder_block_types": ["ResBlock", "ResBlock", "EfficientViTBlock"],
                 "decoder_block_types": ["ResBlock", "ResBlock", "EfficientViTBlock"],
                 "encoder_qkv_multiscales": [[], [], [3]], "decoder_qkv_multiscales": [[], [], [3, 5]], \(more)}
                """
            ) { try DeepAutoencoderNetwork(DeepAutoencoderConfiguration(path: $0)) }
            try check(
                comment + ", encode", .deepEncoding(network), [1, 8, 12, 3], every: 7, unreached: Self.decoder,
                tolerances: (2e-5, 4e-2, 3e-4))
            try check(
                comment + ", decode", .deepDecoding(network), [1, 2, 3, 4], every: 9, unreached: Self.encoder,
                tolerances: (2e-5, 4e-2, 3e-4))
        }
    }

    @Test func jointTransformers() throws {
        let sd3 = try configured(
            """
            {"_class_name": "SD3Transformer2DModel", "sample_size": 8, "num_attention_heads": 2, "attention_head_dim": 8,
             "caption_projection_dim": 16, "num_layers": 2, "joint_attention_dim": 10, "pooled_projection_dim": 6,
             "pos_embed_max_size": 5, "in_channels": 4, "dual_attention_layers": [0], "qk_norm": "rms_norm"}
            """
        ) { try SD3Network(SD3Configuration(path: $0)) }
        // One image, whose gates are fused, and two, which have gates of their own.
        for images in [1, 2] {
            try check(
                "sd3", .sd3(sd3), [images, 4, 6, 4], [images, 3, 10], [images, 6], every: 11,
                tolerances: (2e-5, 4e-2, 3e-4))
        }
        let flux = try configured(
            """
            {"_class_name": "FluxTransformer2DModel", "num_attention_heads": 2, "attention_head_dim": 8, "num_layers": 1,
             "num_single_layers": 1, "joint_attention_dim": 10, "pooled_projection_dim": 6, "in_channels": 16,
             "guidance_embeds": true, "axes_dims_rope": [2, 4, 2]}
            """
        ) { try FluxNetwork(FluxConfiguration(path: $0)) }
        for images in [1, 2] {
            try check(
                "flux", .flux(flux), [images, 4, 6, 4], [images, 3, 10], [images, 6], every: 11,
                tolerances: (2e-5, 4e-2, 3e-4))
        }
    }

    @Test func lumina2() throws {
        let network = try configured(
            """
            {"_class_name": "Lumina2Transformer2DModel", "sample_size": 8, "hidden_size": 24, "num_layers": 2,
             "num_refiner_layers": 1, "num_attention_heads": 4, "num_kv_heads": 2, "multiple_of": 8,
             "axes_dim_rope": [2, 2, 2], "cap_feat_dim": 10, "in_channels": 4}
            """
        ) { try Lumina2Network(Lumina2Configuration(path: $0)) }
        try check("lumina2", .lumina2(network), [2, 4, 6, 4], [2, 3, 10], every: 11, tolerances: (2e-5, 4e-2, 3e-4))
    }
}
