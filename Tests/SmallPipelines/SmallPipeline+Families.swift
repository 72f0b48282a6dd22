extension SmallPipeline {
    /// One of each family.
    public static let all = [pixArtSigma, sana, stableDiffusion3(), flux(), lumina2]

    /// PixArt-Sigma: T5.
    public static let pixArtSigma = SmallPipeline(
        className: "PixArtSigmaPipeline",
        scheduler: ("DPMSolverMultistepScheduler", "{\"_class_name\": \"DPMSolverMultistepScheduler\"}"),
        parts: [
            Part(
                folder: "transformer", network: "pixart",
                configuration: """
                    {"_class_name": "PixArtTransformer2DModel", "sample_size": 32, "num_attention_heads": 2,
                     "attention_head_dim": 8, "cross_attention_dim": 16, "num_layers": 1, "caption_channels": 24,
                     "use_additional_conditions": false}
                    """),
            autoencoder(), t5("text_encoder"),
        ])

    /// Sana: Gemma 2, and the DC-AE.
    public static let sana = SmallPipeline(
        className: "SanaPipeline",
        scheduler: (
            "DPMSolverMultistepScheduler",
            """
            {"_class_name": "DPMSolverMultistepScheduler", "use_flow_sigmas": true, "flow_shift": 3.0,
             "prediction_type": "flow_prediction"}
            """
        ),
        parts: [
            Part(
                folder: "transformer", network: "sana",
                configuration: """
                    {"_class_name": "SanaTransformer2DModel", "sample_size": 16, "in_channels": 8, "out_channels": 8,
                     "num_attention_heads": 2, "attention_head_dim": 8, "num_cross_attention_heads": 2,
                     "cross_attention_head_dim": 8, "cross_attention_dim": 16, "num_layers": 1, "caption_channels": 24}
                    """),
            Part(
                folder: "vae", network: "dc-ae",
                configuration: """
                    {"_class_name": "AutoencoderDC", "latent_channels": 8, "attention_head_dim": 8,
                     "scaling_factor": 0.41407, "encoder_block_out_channels": [8, 8, 8, 8, 8, 8],
                     "decoder_block_out_channels": [8, 8, 8, 8, 8, 8], "encoder_layers_per_block": [1, 1, 1, 1, 1, 1],
                     "decoder_layers_per_block": [1, 1, 1, 1, 1, 1], "downsample_block_type": "conv",
                     "upsample_block_type": "interpolate"}
                    """),
            gemma2,
        ])

    /// Stable Diffusion 3.5: two CLIPs with projections, and T5 or not.
    public static func stableDiffusion3(hasT5: Bool = true) -> SmallPipeline {
        let transformer = Part(
            folder: "transformer", network: "sd3",
            configuration: """
                {"_class_name": "SD3Transformer2DModel", "sample_size": 16, "num_attention_heads": 2,
                 "attention_head_dim": 8, "caption_projection_dim": 16, "num_layers": 2, "joint_attention_dim": 24,
                 "pooled_projection_dim": 12, "pos_embed_max_size": 12, "dual_attention_layers": [0],
                 "qk_norm": "rms_norm"}
                """)
        let projected = ["text_encoder", "text_encoder_2"].map {
            Part(
                folder: $0, network: "clip-text",
                configuration: """
                    {"model_type": "clip_text_model", "architectures": ["CLIPTextModelWithProjection"],
                     "projection_dim": 6, "vocab_size": 49408, "hidden_size": 8, "intermediate_size": 16,
                     "num_hidden_layers": 2, "num_attention_heads": 2}
                    """)
        }
        return SmallPipeline(
            className: "StableDiffusion3Pipeline", scheduler: flowMatching("\"shift\": 3.0"),
            parts: [transformer, autoencoder(flowing)] + projected + (hasT5 ? [t5("text_encoder_3")] : []))
    }

    /// FLUX.1: CLIP and T5, and a denoiser that reads the guidance scale, or schnell's, which reads none.
    public static func flux(readsGuidance: Bool = true) -> SmallPipeline {
        let transformer = Part(
            folder: "transformer", network: "flux",
            configuration: """
                {"_class_name": "FluxTransformer2DModel", "num_attention_heads": 2, "attention_head_dim": 8,
                 "num_layers": 1, "num_single_layers": 1, "joint_attention_dim": 24, "pooled_projection_dim": 8,
                 "guidance_embeds": \(readsGuidance), "axes_dims_rope": [2, 4, 2]}
                """)
        return SmallPipeline(
            className: "FluxPipeline", scheduler: flowMatching("\"shift\": 3.0, \"use_dynamic_shifting\": true"),
            parts: [
                transformer, autoencoder(flowing),
                Part(folder: "text_encoder", network: "clip-text", configuration: plainCLIP), t5("text_encoder_2"),
            ])
    }

    /// Lumina 2: Gemma 2.
    public static let lumina2 = SmallPipeline(
        className: "Lumina2Pipeline", scheduler: flowMatching("\"shift\": 6.0"),
        parts: [
            Part(
                folder: "transformer", network: "lumina2",
                configuration: """
                    {"_class_name": "Lumina2Transformer2DModel", "sample_size": 16, "hidden_size": 24, "num_layers": 1,
                     "num_refiner_layers": 1, "num_attention_heads": 2, "num_kv_heads": 1, "multiple_of": 8,
                     "axes_dim_rope": [4, 4, 4], "axes_lens": [300, 64, 64], "cap_feat_dim": 24, "in_channels": 16}
                    """),
            autoencoder(
                """
                "latent_channels": 16, "scaling_factor": 0.3611, "shift_factor": 0.1159, "use_quant_conv": false,
                "use_post_quant_conv": false,
                """),
            gemma2,
        ])

    /// A CLIP without a projection.
    public static let plainCLIP = """
        {"model_type": "clip_text_model", "vocab_size": 49408, "hidden_size": 8, "intermediate_size": 16,
         "num_hidden_layers": 2, "num_attention_heads": 2}
        """

    // MARK: What several have

    /// What the autoencoders of Stable Diffusion 3 and FLUX.1 have of their own.
    private static let flowing = """
        "latent_channels": 16, "use_quant_conv": false, "use_post_quant_conv": false, "shift_factor": 0.06,
        """

    private static func autoencoder(_ more: String = "") -> Part {
        Part(
            folder: "vae", network: "vae",
            configuration: """
                {"_class_name": "AutoencoderKL", "block_out_channels": [8, 8, 8, 8], "norm_num_groups": 4, \(more)
                 "layers_per_block": 1, "down_block_types":
                 ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
                 "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"]}
                """)
    }

    private static func t5(_ folder: String) -> Part {
        Part(
            folder: folder, network: "t5-text",
            configuration: """
                {"model_type": "t5", "vocab_size": 1200, "d_model": 24, "d_kv": 4, "d_ff": 32, "num_layers": 1,
                 "num_heads": 2, "feed_forward_proj": "gated-gelu"}
                """)
    }

    private static let gemma2 = Part(
        folder: "text_encoder", network: "gemma2-text",
        configuration: """
            {"model_type": "gemma2", "vocab_size": 700, "hidden_size": 24, "intermediate_size": 32,
             "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8,
             "query_pre_attn_scalar": 8}
            """)

    private static func flowMatching(_ options: String) -> (className: String, configuration: String) {
        let name = "FlowMatchEulerDiscreteScheduler"
        return (name, "{\"_class_name\": \"\(name)\", \(options)}")
    }
}
