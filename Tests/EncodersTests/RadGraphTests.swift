import Encoders
import Foundation
import Tensors
import TestSupport
import Testing

/// Archives of RadGraph that are none. Annotations are compared with the package's by `Tests/Parity/checks/radgraph_annotations.py`.
@Suite struct RadGraphTests {
    /// A tar archive of files.
    private func archive(_ files: [(name: String, text: String)]) -> Data {
        var result = Data()
        for (name, text) in files {
            var header = [UInt8](repeating: 0, count: 512)
            func put(_ text: String, _ at: Int) { header.replaceSubrange(at..<at + text.utf8.count, with: text.utf8) }
            put(name, 0)
            put(String(format: "%011o", text.utf8.count), 124)
            put("        0", 148)
            put("ustar", 257)
            put(String(format: "%06o", header.reduce(0) { $0 + Int($1) }) + "\0", 148)
            result += Data(header) + Data(text.utf8)
            result += Data(repeating: 0, count: (512 - text.utf8.count % 512) % 512)
        }
        return result + Data(repeating: 0, count: 1024)
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
