import Checkpoints
import Encoders
import Files
import Foundation
import Networks
import Tensors
import TestSupport
import Testing

/// RadGraph beside the package radgraph (`Tests/Parity/generators/encoders_radgraph.py`), and archives that are none.
@Suite struct RadGraphTests {
    /// A tar archive of files.
    private func archive(_ files: [(name: String, text: String)]) -> Data {
        archive(files.map { ($0.name, Data($0.text.utf8)) })
    }

    private func archive(_ files: [(name: String, content: Data)]) -> Data {
        var result = Data()
        for (name, content) in files {
            var header = [UInt8](repeating: 0, count: 512)
            func put(_ text: String, _ at: Int) { header.replaceSubrange(at..<at + text.utf8.count, with: text.utf8) }
            put(name, 0)
            put(String(format: "%011o", content.count), 124)
            put("        0", 148)
            put("ustar", 257)
            put(String(format: "%06o", header.reduce(0) { $0 + Int($1) }) + "\0", 148)
            result += Data(header) + content
            result += Data(repeating: 0, count: (512 - content.count % 512) % 512)
        }
        return result + Data(repeating: 0, count: 1024)
    }

    /// The value of a parameter, as the generator makes it.
    private func value(_ name: String, _ shape: [Int]) throws -> Tensor {
        let isAbove = ["_scorer", "_feedforwards", "_span_width"].contains { name.contains($0) }
        var shift: Float = 0
        if name.contains("_ner_scorers"), name.hasSuffix("1._module.bias") { shift = 1.2 }
        if name.contains("_relation_scorers"), name.hasSuffix("bias") { shift = 2 }
        let values = weightValues(name, shape, salt: "radgraph.").map {
            $0 * (isAbove && shape.count > 1 ? 2 : 1) - shift
        }
        return try Tensor(values, shape: shape)
    }

    @Test func annotationsEqualThePackages() throws {
        let root = try JSON.read(Places.fixtures("encoders/radgraph.json"))
        func texts(_ json: JSON?) -> [String] { (json?.array ?? []).compactMap(\.string) }
        let folder = try Scratch()
        let bert = try #require(root["bert"]?.object) + [("model_type", .string("bert"))]
        try folder.write("config.json", JSON.object(bert).text())
        try folder.write("vocab.txt", texts(root["vocabulary"]).joined(separator: "\n") + "\n")
        let (labels, kinds, reports) = (texts(root["entities"]), texts(root["relations"]), texts(root["reports"]))
        #expect(reports.count == 10)
        for item in try #require(root["archives"]?.array) {
            let (dataset, config) = (try #require(item["kind"]?.string), try #require(item["config"]))
            func size(_ keys: String...) throws -> Int {
                try #require(keys.reduce(config["model"]) { $0?[$1] }?.integer)
            }
            let hidden = [Int](
                repeating: try size("feedforward_params", "hidden_dims"),
                count: try size("feedforward_params", "num_layers"))
            let network = try RadGraphNetwork(
                BERTTextConfiguration(path: folder.path + "/config.json"),
                .init(
                    spanWidth: size("max_span_width"), featureSize: size("feature_size"), hidden: hidden,
                    entities: labels.count - 1, relations: kinds.count), dataset: dataset)
            try SafeTensors.write(
                folder.path + "/weights.th",
                network.parameters.parameters.map { (name: $0.name, tensor: try value($0.name, $0.shape)) })
            let path = folder.path + "/\(dataset).tar"
            let lines = [("ner", labels), ("relation", kinds)].map { kind, lines in
                (
                    name: "vocabulary/\(dataset)__\(kind)_labels.txt",
                    content: Data((lines.joined(separator: "\n") + "\n").utf8)
                )
            }
            try archive(
                [(name: "config.json", content: Data(config.text().utf8))] + lines + [
                    (name: "weights.th", content: folder.data("weights.th"))
                ]
            ).write(to: URL(fileURLWithPath: path))
            let labeler = try RadGraph(weights: path, tokenizer: folder.path, dtype: .f32)
            #expect(labeler.dataset == dataset && labeler.files.count == 3)
            let found = try labeler.annotate(reports).map { entities in
                entities.map { entity in
                    "\(entity.words.lowerBound + 1)-\(entity.words.upperBound) \(entity.label) \(entity.tokens) "
                        + entity.relations.map { "\($0.kind)>\($0.entity + 1)" }.joined(separator: ",")
                }.joined(separator: "|")
            }
            for (row, wanted) in texts(item["annotations"]).enumerated() {
                #expect(found[row] == wanted, "\(dataset), \(reports[row].prefix(60))")
            }
            // A report has the same annotations alone.
            #expect(try labeler.annotate([reports[4]]) == labeler.annotate(Array(reports[3...5]))[1...1].map { $0 })
        }
    }

    @Test func damagedArchivesAreNamed() throws {
        let folder = try Scratch()
        let path = folder.path + "/radgraph.tar"
        func fails(_ part: String, _ data: Data) throws {
            try data.write(to: URL(fileURLWithPath: path))
            let text = message { _ = try RadGraph(weights: path, tokenizer: folder.path, dtype: .f32) }
            #expect(text.contains("radgraph.tar") && text.contains(part), "\(text)")
        }
        let config = """
            {"dataset_reader": {"max_span_width": 3, "token_indexers": {"bert": {"model_name": "x", "max_length": 16}}},
             "model": {"max_span_width": 3, "feature_size": 4, "feedforward_params": {"num_layers": 1, "hidden_dims": 8},
                       "modules": {"relation": {"spans_per_word": 0.5}}}}
            """
        let labels = ("vocabulary/radgraph__ner_labels.txt", "\nANAT-DP\nOBS-DP\n")
        let kinds = ("vocabulary/radgraph__relation_labels.txt", "modify\n")
        try fails("tar archive", Data("no archive at all".utf8))
        try fails("config.json", archive([labels, kinds]))
        try fails("__ner_labels", archive([("config.json", config), kinds]))
        try fails("relation_labels", archive([("config.json", config), labels]))
        try fails(
            "spans_per_word",
            archive([("config.json", config.replacingOccurrences(of: "0.5", with: "-1")), labels, kinds]))
        try fails(
            "max_span_width",
            archive([("config.json", config.replacingOccurrences(of: "3,", with: "0,")), labels, kinds]))
        try fails(
            "empty line", archive([("config.json", config), ("vocabulary/radgraph__ner_labels.txt", "A\n"), kinds]))
        let whole = archive([("config.json", config), labels, kinds])
        try fails("cut", whole.prefix(700))
        var damaged = whole
        damaged[3] = 0xFF
        try fails("damaged", damaged)
        try folder.write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n")
        try folder.write(
            "config.json",
            #"{"model_type": "bert", "vocab_size": 6, "hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 8}"#
        )
        try fails("weights.th", whole)
        try fails("weights.th", archive([("config.json", config), labels, kinds, ("weights.th", "no weights")]))
        #expect(
            message { _ = try RadGraph(weights: folder.path + "/none", tokenizer: nil, dtype: .f32) }.contains("none"))
    }
}
