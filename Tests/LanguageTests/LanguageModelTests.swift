import Checkpoints
import Encoders
import Foundation
import Language
import Networks
import Tensors
import TestSupport
import Testing

@Suite struct LanguageModelTests {
    @Test(arguments: ReferenceModel.all.map(\.name)) func scoresEqualTransformers(name: String) throws {
        let reference = try #require(ReferenceModel.all.first { $0.name == name })
        let folder = try reference.folder(
            beside: name == "llama" ? ["model.layers.0.self_attn.rotary_emb.inv_freq"] : [])
        let wanted = try reference.expected("logits").array(Float.self)
        for (dtype, tolerance) in [(DType.f32, 1e-5), (.bf16, 4e-2)] {
            let model = try opened(folder, dtype)
            let found = try model.logits(ReferenceModel.ids())
            #expect(found.shape == [2, 40, 90] && found.dtype == .f32 && model.files.count == 3)
            let own = try Tensor.cat(stride(from: 0, to: 40, by: 7).map { try found.narrow(1, $0, 1) }, axis: 1)
            let error = relativeError(try own.array(Float.self), wanted)
            #expect(error < tolerance, "\(dtype): \(error)")
        }
    }

    @Test(arguments: ReferenceModel.all.map(\.name)) func greedyTextsEqualTransformers(name: String) throws {
        let reference = try #require(ReferenceModel.all.first { $0.name == name })
        let model = try opened(reference.folder())
        var options = WritingOptions()
        options.maximumTokens = 24
        let wanted = try reference.expected("greedy").array(Float.self).map { Int($0) }
        let prompts = ReferenceModel.texts().map { Prompt(ids: $0) }
        for batch in [1, 2] {
            options.batch = batch
            let found = try model.generate(prompts, options, watch: nil)
            for (row, text) in found.enumerated() {
                let whole = Array(wanted[row * 24..<(row + 1) * 24])
                let ends = whole.firstIndex(of: 2)
                #expect(text.ids == Array(whole[..<(ends ?? 24)]), "\(name) \(batch)")
                #expect(text.end == (ends == nil ? .length : .end))
            }
        }
    }

    /// What is written token by token has the scores of the whole text's pass.
    @Test(arguments: [DType.f32, .bf16]) func aPromptOfAListGivesWhatItGivesAlone(dtype: DType) throws {
        for reference in ReferenceModel.all {
            let model = try opened(reference.folder(), dtype)
            var options = WritingOptions()
            options.maximumTokens = 12
            options.sampling = Sampling(temperature: 1.5, topP: 0.95, topK: 40)
            let texts = [Array(ReferenceModel.texts()[0][..<7]), ReferenceModel.texts()[1], [5]]
            options.seeds = [11, 12, 13]
            let together = try model.generate(texts.map { Prompt(ids: $0) }, options, watch: nil)
            for (index, text) in texts.enumerated() {
                options.seeds = [11 + UInt64(index)]
                #expect(
                    try model.generate([Prompt(ids: text)], options, watch: nil) == [together[index]],
                    "\(reference.name) \(index) \(dtype)")
            }
            options.seeds = [11]
            #expect(try model.generate(texts.map { Prompt(ids: $0) }, options, watch: nil) == together)
            options.seeds = [77]
            #expect(try model.generate(texts.map { Prompt(ids: $0) }, options, watch: nil) != together)
        }
    }

    @Test func vectorsStandForTokens() throws {
        let reference = ReferenceModel.all[0]
        let folder = try reference.folder()
        let model = try opened(folder)
        let table = try Checkpoint.open(folder.path)["model.embed_tokens.weight"]
        let text = ReferenceModel.texts()[0]
        let vectors = try Tensor.cat(text[3..<30].map { try table.narrow(0, $0, 1) }, axis: 0)
        let whole = try model.generate([Prompt(ids: text)], WritingOptions(), watch: nil)
        let prompt = Prompt([.ids(Array(text[..<3])), .vectors(vectors), .ids(Array(text[30...]))])
        #expect(prompt.count == 40)
        #expect(try model.generate([prompt], WritingOptions(), watch: nil) == whole)
        let narrow = Prompt([.vectors(try Tensor.zeros([3, 47]))])
        #expect(message { _ = try model.generate([narrow], WritingOptions(), watch: nil) }.contains("[T, 48]"))
    }

    @Test func stopsEndsAndAllowedIds() throws {
        let model = try opened(ReferenceModel.all[2].folder(vocabulary: 423))
        let prompt = Prompt(ids: model.tokenizer.ids("The heart is normal."))
        var options = WritingOptions()
        options.maximumTokens = 40
        options.sampling = Sampling()
        let free = try model.generate([prompt], options, watch: nil)[0]
        #expect(free.text == (try model.tokenizer.decode(free.ids)) && !free.text.isEmpty)
        let stop = String(free.text.dropFirst(3).prefix(2))
        options.stops = [stop, "never to be seen"]
        var seen: [String] = []
        let stopped = try model.generate([prompt], options) { _, text in seen.append(text) }[0]
        #expect(stopped.end == .stop && !stopped.text.contains(stop) && free.text.hasPrefix(stopped.text))
        #expect(seen.last == stopped.text && seen.count >= stopped.ids.count)
        #expect(free.ids.starts(with: stopped.ids))
        options.stops = []
        options.ends = [free.ids[4]]
        let ended = try model.generate([prompt], options, watch: nil)[0]
        #expect(ended.end == .end && ended.ids == Array(free.ids.prefix { $0 != free.ids[4] }))
        options.ends = []
        options.allowed = 30...39
        let narrow = try model.generate([prompt], options, watch: nil)[0]
        #expect(!narrow.ids.isEmpty && narrow.ids.allSatisfy { (30...39).contains($0) })
        // A special token as a stop never shows in a text.
        options.allowed = 1...1
        options.stops = ["<|padding|>"]
        #expect(try model.generate([prompt], options, watch: nil)[0].ids.isEmpty)
    }

    @Test func samplingKeepsWhatItSays() throws {
        let model = try opened(ReferenceModel.all[0].folder())
        let prompts = ReferenceModel.texts().map { Prompt(ids: $0) }
        var options = WritingOptions()
        options.maximumTokens = 16
        let greedy = try model.generate(prompts, options, watch: nil)
        for sampling in [Sampling(topK: 1), Sampling(topP: 1e-9), Sampling(temperature: 1e-4)] {
            options.sampling = sampling
            #expect(try model.generate(prompts, options, watch: nil) == greedy, "\(sampling)")
        }
        // The frequencies of the first token are the softmax's, within five deviations.
        let scores = try model.logits(Tensor(ReferenceModel.texts()[0].map { Int64($0) }, shape: [1, 40]))
            .narrow(1, 39, 1).contiguous().array(Float.self)
        let weights = scores.map { exp(Double($0)) }
        let total = weights.reduce(0, +)
        options.sampling = Sampling()
        options.maximumTokens = 1
        options.batch = 16
        let draws = 2000
        var counts = [Int](repeating: 0, count: 90)
        for text in try model.generate([Prompt](repeating: prompts[0], count: draws), options, watch: nil) {
            // The end of a text is the id 2.
            counts[text.ids.first ?? 2] += 1
        }
        for id in counts.indices {
            let share = weights[id] / total
            let deviation = (share * (1 - share) * Double(draws)).squareRoot()
            #expect(abs(Double(counts[id]) - share * Double(draws)) < 5 * deviation + 1, "\(id)")
        }
    }

    /// What a network gives that is no number is told with the file of its weights.
    @Test func damagedWeightsAreNamed() throws {
        let folder = try ReferenceModel.all[0].folder()
        let file = folder.path + "/model.safetensors"
        let whole = try Checkpoint.open(file)
        let tensors = try whole.names.map { ($0, try whole[$0].clone()) }
        for value in [Double.nan, .infinity] {
            try SafeTensors.write(
                file,
                tensors.map { name, tensor in
                    (name, name == "lm_head.weight" ? try Tensor.full(tensor.shape, .number(value), .f32) : tensor)
                })
            let model = try opened(folder)
            let found = message { _ = try model.generate([Prompt(ids: [4])], WritingOptions(), watch: nil) }
            #expect(
                found.contains("is not finite") && found.contains("\(folder.path)") && found.contains("damaged"),
                "\(found)")
        }
    }

    @Test func filesSayWhatEndsATextAndWhatIsWrong() throws {
        let folder = try ReferenceModel.all[0].folder()
        #expect(try opened(folder).endIDs == [2])
        try folder.write("generation_config.json", "{\"eos_token_id\": [2, 7]}")
        #expect(try opened(folder).endIDs == [2, 7])
        try folder.write("generation_config.json", "{\"eos_token_id\": \"x\"}")
        #expect(message { _ = try opened(folder) }.contains("eos_token_id"))
        try folder.write("generation_config.json", "{}")
        let model = try opened(folder)
        var options = WritingOptions()
        func fault(_ prompts: [Prompt]) -> String { message { _ = try model.generate(prompts, options, watch: nil) } }
        #expect(fault([Prompt(ids: [4]), Prompt(ids: [])]).contains("prompt 2"))
        #expect(fault([Prompt(ids: [Int](repeating: 5, count: 2048))]).contains("2048 tokens"))
        #expect(fault([Prompt(ids: [90])]).contains("90"))
        options.sampling = Sampling(temperature: 0)
        #expect(fault([Prompt(ids: [4])]).contains("temperature"))
        options.sampling = Sampling(temperature: 1e5)
        #expect(fault([Prompt(ids: [4])]).contains("up to 10000, got 100000"))
        options.sampling = Sampling(topP: 1.5)
        #expect(fault([Prompt(ids: [4])]).contains("top_p"))
        options.sampling = nil
        options.allowed = 5...90
        #expect(fault([Prompt(ids: [4])]).contains("allowed"))
        #expect(message { _ = try model.logits(.zeros([1, 2049], .i64)) }.contains("2048"))
        for (old, new, word) in [
            ("\"llama\"", "\"mistral\"", "mistral"), ("value_heads\": 2", "value_heads\": 3", "do not divide"),
            ("\"use_cache\": true", "\"rope_scaling\": {\"type\": \"linear\", \"factor\": 2}", "rope_scaling"),
            // Of one token nothing could be written.
            (
                "\"use_cache\": true", "\"max_position_embeddings\": 1",
                "\"max_position_embeddings\": wanted a whole number from 2"
            ),
        ] {
            try folder.write("config.json", ReferenceModel.all[0].config.replacingOccurrences(of: old, with: new))
            let found = message { _ = try opened(folder) }
            #expect(found.contains(word) && found.contains("config.json"), "\(found)")
        }
    }

    /// Angles and kinds of layers that transformers 5 states, where older versions had them elsewhere or not at all.
    @Test func newerConfigurationsSayTheSame() throws {
        /// What is said against a configuration with these keys; its scores must be those without them.
        func complaint(_ index: Int, _ keys: String) throws -> String {
            let reference = ReferenceModel.all[index]
            let folder = try reference.folder()
            let wanted = try opened(folder).logits(ReferenceModel.ids()).array(Float.self)
            let config = reference.config.replacingOccurrences(of: "\"rotary_pct\": 0.25, ", with: "")
            try folder.write(
                "config.json", config.replacingOccurrences(of: "\"vocab_size\"", with: keys + ", \"vocab_size\""))
            return TestSupport.complaint {
                let found = try opened(folder).logits(ReferenceModel.ids()).array(Float.self)
                #expect(found == wanted, "\(keys)")
            }
        }
        let (llama, neox, gemma) = (0, 2, 4)
        let (full, sliding) = ("\"full_attention\"", "\"sliding_attention\"")
        let usual = #""rope_parameters": {"rope_theta": 10000.0, "rope_type": "default"}"#
        for (index, keys) in [
            (llama, usual), (llama, usual + #", "dtype": "float32", "attn_implementation": "eager""#),
            (llama, usual + ", \"layer_types\": [\(full), \(full), \(full)]"),
            (llama, #""rope_scaling": {"type": "default"}, "rope_theta": 10000.0"#), (neox, usual),
            (neox, #""rope_parameters": {"partial_rotary_factor": 0.25, "rope_theta": 10000}"#),
            (gemma, usual + #", "use_bidirectional_attention": null, "attn_implementation": "sdpa""#),
            (gemma, usual + ", \"layer_types\": [\(sliding), \(full), \(sliding)]"),
        ] { #expect(try complaint(index, keys) == "", "\(keys)") }
        for (index, keys, word) in [
            (llama, #""rope_parameters": {"rope_type": "llama3"}"#, "rope_parameters.rope_type"),
            (llama, #""rope_parameters": {"rope_type": "default", "factor": 8.0}"#, "rope_parameters.factor"),
            (llama, usual + #", "rope_theta": 5000.0"#, "rope_parameters.rope_theta"),
            (llama, #""rope_parameters": {"partial_rotary_factor": 0.5}"#, "rope_parameters.partial_rotary_factor"),
            (llama, #""rope_parameters": {"full_attention": {}}"#, "rope_parameters.full_attention"),
            (llama, #""rope_parameters": "default""#, "rope_parameters"),
            (llama, "\"layer_types\": [\(full), \(sliding), \(full)]", "layer_types"),
            (neox, #""rope_parameters": {"partial_rotary_factor": 0.5}, "rotary_pct": 0.25"#, "partial_rotary_factor"),
            (gemma, "\"layer_types\": [\(full), \(sliding), \(full)]", "layer_types"),
            (gemma, "\"layer_types\": [\(sliding), \(full)]", "layer_types"),
            (gemma, #""attn_implementation": "eager""#, "attn_implementation"),
            (gemma, #""use_bidirectional_attention": true"#, "use_bidirectional_attention"),
        ] {
            let found = try complaint(index, keys)
            #expect(found.contains(word + "\":") && found.contains("config.json"), "\(keys): \(found)")
        }
    }

    /// The longest text ends there.
    @Test func textsEndWithTheLastPosition() throws {
        let folder = try ReferenceModel.all[0].folder()
        let short = ReferenceModel.all[0].config.replacingOccurrences(
            of: "\"vocab_size\"", with: "\"max_position_embeddings\": 45, \"eos_token_id\": 89, \"vocab_size\"")
        try folder.write("config.json", short.replacingOccurrences(of: "\"eos_token_id\": 2, ", with: ""))
        let found = try opened(folder).generate([Prompt(ids: ReferenceModel.texts()[0])], WritingOptions(), watch: nil)[
            0]
        #expect(found.ids.count <= 5 && found.end != .stop)
    }
}
