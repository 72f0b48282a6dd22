import Checkpoints
import ChexGenLua
import Encoders
import Engine
import Files
import Identity
import Imaging
import Language
import Launcher
import LuaRuntime
import Networks
import Tensors
import TestSupport
import Testing
import Tokenizers
import Training

/// A language model from outside the program: one file and one entry. The next token depends on the last one alone.
private final class Bigrams: FolderCausalNetwork {
    static let entry = NetworkEntry<any LanguageModel>("bigrams", classes: ["bigrams"], Bigrams.self)

    let parameters = ParameterScope()
    let vocabularySize, width: Int
    let positions = 512
    let layerCount = 0
    let notes: [String] = []
    private let tokens: Embedding
    private let layer, head: Linear

    init(config: String) throws {
        let reader = try ConfigurationReader(config)
        vocabularySize = try reader.integer("vocab_size", 1...1 << 20)
        width = try reader.integer("hidden_size", 1...1024)
        tokens = Embedding(parameters["tokens"], count: vocabularySize, channels: width)
        layer = Linear(parameters["layers"][0]["mix"], inputs: width, outputs: width)
        head = Linear(parameters["lm_head"], inputs: width, outputs: vocabularySize, hasBias: false)
    }

    func load(_ checkpoint: Checkpoint) throws { try parameters.load(checkpoint) }

    func embed<E: Execution>(_ ids: Tensor, on execution: E) throws -> E.Value {
        try execution.convert(execution.embedding(tokens, ids), .f32)
    }

    func states<E: Execution>(_ x: E.Value, _ passage: Passage<E>, on execution: E) throws -> E.Value {
        var last = x
        if case .next = passage { last = try execution.narrow(x, axis: 1, x.shape[1] - 1..<x.shape[1]) }
        return try execution.linear(layer, last, Epilogue(result: .f32))
    }

    func logits<E: Execution>(_ states: E.Value, on execution: E) throws -> E.Value {
        try execution.linear(head, states, Epilogue(result: .f32))
    }
}

/// Another, whose tokens attend to those before them.
private final class Attending: FolderCausalNetwork {
    static let entry = NetworkEntry<any LanguageModel>("attending", classes: ["attending"], Attending.self)

    let parameters = ParameterScope()
    let vocabularySize, width: Int
    let positions = 64
    let layerCount = 1
    let notes: [String] = []
    private let tokens: Embedding
    private let query, key, value, head: Linear
    private let attention: Attention
    private let rotary: Rotary

    init(config: String) throws {
        let reader = try ConfigurationReader(config)
        vocabularySize = try reader.integer("vocab_size", 1...1 << 20)
        width = try reader.integer("hidden_size", 1...1024)
        let (size, layer) = (width, parameters["layers"][0])
        tokens = Embedding(parameters["tokens"], count: vocabularySize, channels: width)
        (query, key, value) = (
            Linear(layer["query"], inputs: size, outputs: size), Linear(layer["key"], inputs: size, outputs: size),
            Linear(layer["value"], inputs: size, outputs: size)
        )
        head = Linear(parameters["lm_head"], inputs: width, outputs: vocabularySize, hasBias: false)
        attention = try Attention(channels: width, heads: 4)
        rotary = try Rotary(headSize: width / 4)
    }

    func load(_ checkpoint: Checkpoint) throws { try parameters.load(checkpoint) }

    func embed<E: Execution>(_ ids: Tensor, on execution: E) throws -> E.Value {
        try execution.convert(execution.embedding(tokens, ids), .f32)
    }

    func states<E: Execution>(_ x: E.Value, _ passage: Passage<E>, on execution: E) throws -> E.Value {
        let angles = try passage.angles(rotary, base: 10_000, count: x.shape[1], of: self, on: execution)
        let seen = try passage.attention(
            attention, 0,
            query: execution.rotary(
                rotary, execution.linear(query, passage.wanted(x, of: 0, on: execution)),
                table: passage.wanted(angles, axis: 0, of: 0, on: execution)),
            key: execution.rotary(rotary, execution.linear(key, x), table: angles),
            value: execution.linear(value, x), on: execution)
        return try execution.convert(seen, .f32)
    }

    func logits<E: Execution>(_ states: E.Value, on execution: E) throws -> E.Value {
        try execution.linear(head, states, Epilogue(result: .f32))
    }
}

/// A model of images and texts from outside: whether both are dark. Films have their mean, texts their first word.
private final class Darkness: ImageTextModel {
    static let entry = ImageTextRegistry.Entry(
        about: "whether films and texts are dark", place: "none/darkness", images: DarkFilms.entry
    ) { folder, compute in try Darkness(folder, compute.dtype) }

    let name = DarkFilms.entry.name
    let images: any Encoder
    let textFiles: [(file: String, sha256: String)]

    init(_ folder: String, _ dtype: DType) throws {
        images = try DarkFilms(folder, dtype)
        textFiles = images.files
    }

    static func vector(_ share: Double) -> [Float] { [Float(share), Float((1 - share * share).squareRoot())] }

    func texts(_ texts: [String]) throws -> Tensor {
        try Tensor(texts.flatMap { Self.vector($0.hasPrefix("dark") ? 0.1 : 0.9) }, shape: [texts.count, 2])
    }
}

/// Its images' side.
private final class DarkFilms: Encoder {
    static let entry = EncoderEntry(
        name: "darkness", about: "how dark a film is", columnEnding: " (Darkness)", comparesSets: false,
        weights: .init(place: "none/darkness", hint: "there are none"), outputs: ["shade"],
        load: { try DarkFilms($0, $1.dtype) }, parameters: { _ in [] })

    let name = DarkFilms.entry.name
    let dtype: DType
    let outputs = [EncoderOutput("shade", width: 2)]
    let files: [(file: String, sha256: String)]

    init(_ folder: String, _ dtype: DType) throws {
        self.dtype = dtype
        let file = folder + "/config.json"
        files = [(file, try SHA256.hex(file: file))]
    }

    func preprocessing(_ way: Identity.`Protocol`) -> String { "mean of grey levels" }

    func preprocess(_ image: Image, protocol way: Identity.`Protocol`) throws -> Tensor {
        try image.converted(to: .gray).tensor()
    }

    func embed(_ images: [Tensor], outputs: [String]) throws -> [Tensor] {
        let rows = try images.flatMap { image -> [Float] in
            let bytes = try image.array(UInt8.self)
            return Darkness.vector(Double(bytes.reduce(0) { $0 + Int($1) }) / Double(255 * bytes.count))
        }
        let vectors = try Tensor(rows, shape: [images.count, 2])
        return outputs.map { _ in vectors }
    }

    func forward(_ x: Tensor) throws -> Tensor { try embed(x) }
}

/// A language model that sees images, from outside: all of it lies in one folder, and an image is a token of its mean.
private final class Glances: VisionLanguageModel {
    static let entry = VisionLanguageRegistry.Entry(about: "a glance at a film", hub: []) { files, compute in
        Glances(try files.languages.open(files.base, dtype: compute.dtype, on: compute.device))
    }

    let name = "glances"
    let language: any LanguageModel
    let notes: [String] = []
    let preprocessing = "mean of grey levels"
    var dtype: DType { language.dtype }
    var files: [(file: String, sha256: String)] { language.files }

    init(_ language: any LanguageModel) { self.language = language }

    func preprocess(_ image: Image) throws -> Tensor { try image.converted(to: .gray).tensor() }

    func tokens(_ images: [Tensor]) throws -> [Tensor] {
        try images.map { image in
            let bytes = try image.array(UInt8.self)
            let mean = Double(bytes.reduce(0) { $0 + Int($1) }) / Double(bytes.count)
            return try Tensor.full([1, language.width], .number(mean / 255 - 0.5), .f32)
        }
    }

    func prompt(_ question: String, image: Tensor) throws -> Prompt {
        Prompt([.ids(language.tokenizer.ids(question)), .vectors(image)])
    }

    func promptLength(_ question: String) throws -> Int { language.tokenizer.ids(question).count + 1 }

    func trainer(_ options: TuningOptions) throws -> LanguageTrainer { try language.trainer(options) }

    func example(_ question: String, _ answer: String, image: Tensor) throws -> TuningExample {
        let ids = language.tuningIDs(prompt: question, answer: answer)
        return TuningExample([
            .ids(ids.prompt, isLearned: false), .vectors(try tokens([image])[0]), .ids(ids.answer, isLearned: true),
        ])
    }

    func take(_ trainer: LanguageTrainer) throws -> TunedLanguage { try language.take(trainer) }

    func save(_ tuned: TunedLanguage, to folder: String) throws { try tuned.save(folder) }
}

/// Models of texts that a program adds, each a file and an entry: scripts and experiments use them as the program's own.
@Suite struct OutsideTextModelTests {
    private static func known() throws -> KnownModels {
        var known = KnownModels()
        try known.languages.add(Bigrams.entry)
        try known.languages.add(Attending.entry)
        try known.imageTexts.add(Darkness.entry)
        try known.visionLanguages.add("glances", Glances.entry)
        return known
    }

    private func session(_ scratch: Scratch) throws -> Session {
        var options = LuaOptions()
        options.searchFolders = [Places.package + "/lua", Places.package + "/Tests/Lua"]
        options.writableFolders = [scratch.path]
        return try Session(options, known: Self.known())
    }

    /// Makes a folder with a model of bigrams below `folder`.
    private static let making = """
        local model, tensor = require "chexgen.model", require "chexgen.tensor"
        local function make(folder, kind)
          kind = kind or "bigrams"
          require("chexgen").make_folder(folder)
          require("small_language").make(folder)
          local file <close> = assert(io.open(folder .. "/config.json", "w"))
          file:write(('{"model_type": "%s", "vocab_size": 258, "hidden_size": 32, "eos_token_id": 257}'):format(kind))
          file:flush()
          local generator, weights = tensor.generator(5), {}
          for _, parameter in ipairs(model.parameters(kind, { config = folder })) do
            weights[parameter.name] = tensor.randn(parameter.shape, generator)
          end
          tensor.save(folder .. "/model.safetensors", weights)
          return folder
        end

        """

    /// Films of two shades, with their table.
    private func films(_ scratch: Scratch) throws {
        for (name, level) in [("dark", UInt8(20)), ("light", 235)] {
            let pixels = [UInt8](repeating: level, count: 400).enumerated().map { $1 + UInt8($0 % 3) }
            try Image(width: 20, height: 20, mode: .gray, pixels: pixels).save("\(scratch.path)/\(name).png")
        }
        try scratch.write("films.csv", "img,prompt\ndark.png,dark film\nlight.png,light film\nlight.png,dark again\n")
    }

    @Test func aLanguageModelWritesLearnsAndSeesAsTheProgramsOwnDo() throws {
        let scratch = try Scratch()
        let session = try session(scratch)
        defer { session.host.close() }
        let function = session.context.modules.flatMap(\.functions).first { $0.name == "language" }
        #expect(function?.text.contains("`bigrams`") == true)
        let values = try session.host.run(
            Self.making + """
                local image = require "chexgen.image"
                local folder = make "\(scratch.path)/base"
                local lm = model.language(folder, { dtype = "f32" })
                local scores = lm:forward(tensor.new({ { 65, 66 }, { 67, 66 } }, "i64"))
                local alike = (scores[1][2] - scores[2][2]):abs():max():item()
                local texts, ids = lm:generate { prompt = { "A", "BA" }, max_new_tokens = 5 }
                local history = lm:fit { train = { prompt = { "A", "B" }, answer = { "C", "D" } }, epochs = 40, rank = 8, alpha = 16,
                  learning_rate = 0.02, batch = 2, dropout = 0 }
                lm:save "\(scratch.path)/adapter"
                local adapted = model.language(folder, { dtype = "f32", lora = "\(scratch.path)/adapter" })
                local settings = { prompt = "A", max_new_tokens = 3 }
                -- The program's own model reads films through it, too.
                local places = require("small_vision").make "\(scratch.path)"
                places.base, places.dtype = make "\(scratch.path)/base", "f32"
                local rad = model.vision_language("llava-rad", places)
                image.save("\(scratch.path)/film.png", image.from_tensor((tensor.rand({ 30, 41 }, tensor.generator(1)) * 255):to "u8"))
                local reports = rad:generate { images = { "\(scratch.path)/film.png" }, prompt = "What is there?", max_new_tokens = 4 }
                local own = lm:generate(settings)
                return lm.vocabulary_size, #ids[1], alike == 0, texts[1] == texts[2],
                  history.epochs[40].train_loss < 0.5 * history.epochs[1].train_loss, own[1] == adapted:generate(settings)[1],
                  own[1]:sub(1, 1) == "C", #reports
                """, name: "language")
        #expect(values.compactMap(\.integerValue) == [258, 5, 1])
        #expect(values.compactMap(\.booleanValue) == [true, true, true, true, true], "\(values)")
    }

    /// What is written a token at a time, alone or beside others, is what whole texts score highest.
    @Test func aLanguageModelThatAttends() throws {
        let scratch = try Scratch()
        let session = try session(scratch)
        defer { session.host.close() }
        let values = try session.host.run(
            Self.making + """
                local lm = model.language(make("\(scratch.path)/base", "attending"), { dtype = "f32" })
                local prompts, all = { "AB", "heart", "Q" }, true
                local _, ids = lm:generate { prompt = prompts, max_new_tokens = 6 }
                for i, prompt in ipairs(prompts) do
                  local text = { 256, prompt:byte(1, -1) }
                  for _, id in ipairs(ids[i]:totable()) do
                    local scores = lm:forward(tensor.new({ text }, "i64"))[1][#text]
                    all = all and scores[id + 1]:item() > scores:max():item() - 1e-3
                    text[#text + 1] = id
                  end
                end
                return all, ids[1]:numel() + ids[2]:numel() + ids[3]:numel()
                """, name: "attending")
        #expect(values.first?.booleanValue == true && values.last?.integerValue ?? 0 > 6, "\(values)")
    }

    @Test func anImageTextModelScoresAStudy() throws {
        let scratch = try Scratch()
        try films(scratch)
        try scratch.write("config.json", "{}")
        let session = try session(scratch)
        defer { session.host.close() }
        let values = try session.host.run(
            """
            local alignment, model = require "chexgen.alignment", require "chexgen.model"
            local own = model.image_text("darkness", { weights = "\(scratch.path)" })
            local cosines = own:similarity(own:images { "\(scratch.path)/dark.png" }, "dark film")
            local params, rows, left = alignment.params(), {}, {}
            params.name, params.results, params.alignment_encoder, params.protocol = "outside", "\(scratch.path)", "darkness", "exact"
            params.encoders = { darkness = { weights = "\(scratch.path)" } }
            params.synthetic.csv, params.synthetic.image_dir = "\(scratch.path)/films.csv", "\(scratch.path)"
            params.synthetic.image, params.synthetic.prompt = "img", "prompt"
            local run = { seed = 7, params = params, log = function() end, once = function(_, _, compute) return compute() end,
              artifact = function(_, name) return "\(scratch.path)/" .. name end,
              record = function(_, row) rows[#rows + 1] = row end, publish = function() end }
            alignment.run(run)
            params.alignment_encoder = "darknes"
            local fault = select(2, pcall(alignment.run, run))
            return own.name, own.dim, cosines[1]:item() > 0.99, rows[1]["Alignment_score"], rows[1]["Images"],
              rows[1]["Alignment_score identity"], fault, table.concat(model.image_texts, " "), model.encoder("darkness",
              { weights = "\(scratch.path)" }).name
            """, name: "image-text")
        #expect(values.first?.stringValue == "darkness" && values.compactMap(\.booleanValue) == [true])
        // Two films are as dark as their texts; the light one with a dark text has a cosine of about 0.51.
        let score = try #require(values.compactMap(\.numberValue).dropFirst().first)
        #expect(score > 0.8 && score < 0.88, "\(score)")
        let texts = values.compactMap(\.stringValue)
        try #require(texts.count == 5)
        #expect(texts[1].contains("darkness") && texts[3] == "biovil-t darkness" && texts[4] == "darkness", "\(texts)")
        #expect(texts[2].hasPrefix("params.alignment_encoder: wanted one of biovil-t, darkness"), "\(texts[2])")
    }

    @Test func aVisionLanguageModelWritesReportsAndLearns() throws {
        let scratch = try Scratch()
        try films(scratch)
        let session = try session(scratch)
        defer { session.host.close() }
        let values = try session.host.run(
            Self.making + """
                local reporting = require "chexgen.reporting"
                local given = reporting.model()
                given.name, given.base = "glances", make "\(scratch.path)/base"
                local faults, films = {}, { "\(scratch.path)/dark.png", "\(scratch.path)/light.png" }
                reporting.model_faults(given, function(text, name) faults[#faults + 1] = name end)
                local seen = reporting.open_model(given)
                local before = seen:generate { images = films, prompt = "?", max_new_tokens = 3 }
                seen:fit { train = { images = films, prompt = "?", answer = { "B", "Q" } }, epochs = 60, rank = 8, alpha = 16,
                  learning_rate = 0.02, batch = 2, dropout = 0 }
                seen:save "\(scratch.path)/adapter"
                local after = seen:generate { images = films, prompt = "?", max_new_tokens = 1 }
                given.name = "glance"
                reporting.model_faults(given, function(text, name) faults[#faults + 1] = name .. ": " .. text end)
                given.name = "llava-rad"
                reporting.model_faults(given, function(text, name) faults[#faults + 1] = name end)
                return seen.name, #before, after[1] .. after[2], table.concat(faults, "; "),
                  select(2, pcall(model.vision_language, "llava-rad", { base = given.base }))
                """, name: "vision-language")
        let texts = values.compactMap(\.stringValue)
        try #require(texts.count == 4, "\(values)")
        #expect(texts[0] == "glances" && texts[1] == "BQ", "\(texts)")
        #expect(
            texts[2] == "model.name: wanted one of llava-rad, glances, got \"glance\"; model.vision; model.adapter",
            "\(texts[2])")
        #expect(texts[3].contains("llava-rad wants `vision`"), "\(texts[3])")
    }

    /// What a private page leaves out follows from what models declare.
    @Test func placesAreDeclared() {
        #expect(DeclaredPlaces.names == ["vqgan", "base", "adapter", "projector", "vision"])
    }

    /// A program that knows more runs the same experiments.
    @Test func experimentsOfSuchAProgramKnowThem() throws {
        let scratch = try Scratch()
        try films(scratch)
        try scratch.write("config.json", "{}")
        let parameters = """
            params:
              alignment_encoder: darkness
              encoders: { darkness: { weights: \(scratch.path) } }
              synthetic: { csv: \(scratch.path)/films.csv, image_dir: \(scratch.path), image: img, prompt: prompt }

            """
        let file = try scratch.write(
            "a.yaml", "experiment: \(Places.package)/experiments/alignment.lua\n" + parameters)
        var request = RunRequest(file: file, build: "built")
        (request.isCheck, request.isQuiet, request.threads) = (true, true, Threads.count)
        let known = try Self.known()
        let runner = ExperimentRunner(request) { try Session($0, seed: $1, known: known) }
        #expect(try runner.run() == .done)
        let plain = message { _ = try ExperimentRunner(request).run() }
        #expect(plain.contains("params.alignment_encoder") && plain.contains("darkness"), "\(plain)")
    }
}
