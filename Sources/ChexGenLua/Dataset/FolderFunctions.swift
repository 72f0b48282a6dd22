import Datasets
import Files
import LuaRuntime

/// Tables that no CSV file of the user's own stands behind: `dataset.folder` and `dataset.mimic_cxr`.
enum FolderFunctions {
    /// The options of a folder, beside its path.
    static let options = [
        LuaParameter(
            "pattern", .string, default: .string(""),
            "Which images: `*.png` of any folder, `p10/**/*.jpg` by path; `?` and `[a-z]` stand for one letter."),
        LuaParameter(
            "prompts", .choice(FolderPrompts.allCases.map(\.rawValue)), default: .string(FolderPrompts.none.rawValue),
            "`txt`: the text file of the same name beside each image; `name`: the image's name, with blanks for underscores."
        ),
    ]

    /// The pattern of the options, if any.
    static func pattern(_ options: LuaArguments) throws -> Glob? {
        let text = try options.string("pattern")
        return try text.isEmpty ? nil : Glob(text)
    }

    /// Reads a folder as the options say.
    static func read(
        _ path: String, _ options: LuaArguments, image: String = "path", prompt: String = "prompt"
    ) throws -> (table: FolderTable, pattern: Glob?) {
        let pattern = try pattern(options)
        let prompts = FolderPrompts(rawValue: try options.string("prompts")) ?? .none
        return (
            try Dataset.folder(path: path, pattern: pattern, prompts: prompts, image: image, prompt: prompt), pattern
        )
    }

    static func folder(_ session: ScriptContext) -> LuaFunctionDeclaration {
        LuaFunctionDeclaration(
            "folder",
            [
                LuaParameter(
                    "options",
                    .options(
                        [LuaParameter("path", .string, "The folder; those below it are read, too.")] + options + [
                            LuaParameter(
                                "image", .string, default: .string("path"), "The name of the column of images."),
                            LuaParameter(
                                "prompt", .string, default: .string("prompt"), "The name of the column of prompts."),
                        ]), "The folder and where prompts come from.")
            ],
            returns: [LuaResult("dataset", .object("Dataset"), "The table, without labels.")],
            "A table of the PNG and JPEG files of a folder, sorted by the bytes of their paths below it. Names that begin with a "
                + "point are passed over, links are followed. No image, an image without its text, a folder that cannot be read and "
                + "a link that leads back are errors that name the place. The run pins which images there are, and texts; images are "
                + "pinned when they are read.",
            example: "local ds = dataset.folder{ path = \"generations\", pattern = \"*.png\", prompts = \"txt\" }"
        ) { arguments in
            let options = try arguments.options("options")
            let path = try options.string("path")
            let (image, prompt) = (try options.string("image"), try options.string("prompt"))
            for (name, column) in [("image", image), ("prompt", prompt)] where column.isEmpty {
                throw options.fail(name, "a column needs a name")
            }
            if image == prompt { throw options.fail("prompt", "the columns of images and prompts need two names") }
            let (table, pattern) = try read(path, options, image: image, prompt: prompt)
            if let folder = session.folder {
                try folder.pin(listing: table.sha256, of: path, pattern: pattern?.text)
                try folder.pin(files: table.texts, under: path)
            }
            return [.object(DatasetObject(table.dataset))]
        }
    }

    static func mimic(_ session: ScriptContext) -> LuaFunctionDeclaration {
        LuaFunctionDeclaration(
            "mimic_cxr",
            [
                LuaParameter(
                    "options",
                    .options([
                        LuaParameter(
                            "path", .string,
                            "The folder of MIMIC-CXR-JPG: `files/` and the tables `mimic-cxr-2.0.0-….csv`, also compressed by gzip."
                        ),
                        LuaParameter(
                            "split", .oneOf([.string, .list(.string)]), optional: true,
                            "`train`, `validate`, `test`, or a list of them; all where absent."),
                        LuaParameter(
                            "view", .oneOf([.string, .list(.string)]), optional: true,
                            "Values of `ViewPosition`, such as `{ \"PA\", \"AP\" }`; all where absent."),
                        LuaParameter(
                            "labels", .choice(MIMICLabels.allCases.map(\.rawValue)),
                            default: .string(MIMICLabels.chexpert.rawValue), "Whose labels."),
                    ]), "Where the tables lie, and which images are kept.")
            ],
            returns: [
                LuaResult(
                    "dataset", .object("Dataset"),
                    "A row an image: `dicom_id` (the id), `subject_id` (the patient), `study_id`, `path` "
                        + "(`files/p10/p10000032/s50414267/….jpg`, the image), `split`, the metadata's other columns, the fourteen labels."
                ),
                LuaResult(
                    "lost", .table,
                    "How many images were left out: `no_split` (without a split), `split`, `view`, `no_labels` (of a study without "
                        + "labels); `images` that there are, `kept`, and `unknown`: rows of the split without an image."
                ),
            ],
            "Joins the official tables of MIMIC-CXR-JPG: the split by `dicom_id`, labels by `subject_id` and `study_id`. An identifier "
                + "that stands twice, and tables that contradict each other, are errors that name the row.",
            example:
                "local ds, lost = dataset.mimic_cxr{ path = \"mimic-cxr-jpg/2.0.0\", split = \"test\", view = { \"PA\", \"AP\" } }"
        ) { arguments in
            let options = try arguments.options("options")
            func list(_ name: String) throws -> [String] {
                guard options.has(name) else { return [] }
                let value = options.value(name)
                return value.stringValue.map { [$0] } ?? value.tableValue?.array.compactMap(\.stringValue) ?? []
            }
            let splits = try list("split")
            let tables = try MIMICTables(
                folder: options.string("path"), labels: MIMICLabels(rawValue: options.string("labels")) ?? .chexpert,
                needsSplit: !splits.isEmpty)
            for file in tables.files { _ = try session.input(file) }
            let joined = try Dataset.mimicCXR(tables, splits: splits, views: list("view"))
            let counts =
                [("images", joined.images), ("kept", joined.dataset.count)] + joined.lost.map { ($0.reason, $0.count) }
                + [("unknown", joined.unknown)]
            let summary = counts.filter { $0.1 > 0 }.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
            session.folder?.log("\(tables.folder): \(summary)")
            return [.object(DatasetObject(joined.dataset)), .fields(counts.map { ($0.0, .integer($0.1)) })]
        }
    }
}
