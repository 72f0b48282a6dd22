import Datasets
import Files
import Foundation
import TestSupport
import Testing

@Suite struct MIMICTests {
    static let image = "02aa804e-bde0afdd-112c0b34-7bc16630-4e384014"
    private static let names = Pathologies.names.joined(separator: ",")

    /// Four images of two patients: a study of two views, one without a view, one whose study has no labels.
    private func folder() throws -> Scratch {
        let folder = try Scratch()
        try folder.write(
            "mimic-cxr-2.0.0-metadata.csv",
            """
            dicom_id,subject_id,study_id,PerformedProcedureStepDescription,ViewPosition,Rows,StudyDate
            \(Self.image),10000032,50414267,CHEST (PA AND LAT),PA,3056,21800506
            d2,10000032,50414267,"CHEST (PA AND LAT), two",LATERAL,3056,21800506
            d3,11000011,51000001,CHEST (PORTABLE AP),,2544,21800626
            d4,11000011,51000002,CHEST (PORTABLE AP),AP,2544,21800627

            """)
        try folder.write(
            "mimic-cxr-2.0.0-split.csv",
            """
            dicom_id,study_id,subject_id,split
            d4,51000002,11000011,test
            d3,51000001,11000011,test
            \(Self.image),50414267,10000032,train
            gone,50000000,10000099,train

            """)
        let blank = String(repeating: ",", count: 13)
        for name in ["chexpert", "negbio"] {
            let value = name == "chexpert" ? "1.0" : "-1.0"
            try folder.write(
                "mimic-cxr-2.0.0-\(name).csv",
                "subject_id,study_id,\(Self.names)\n10000032,50414267,\(value)\(blank)\n11000011,51000001,0.0\(blank)\n"
            )
        }
        return folder
    }

    private func join(
        _ folder: Scratch, splits: [String] = [], views: [String] = [], labels: MIMICLabels = .chexpert
    ) throws -> MIMICJoin {
        let tables = try MIMICTables(folder: folder.path, labels: labels, needsSplit: !splits.isEmpty)
        return try Dataset.mimicCXR(tables, splits: splits, views: views)
    }

    private func counts(_ join: MIMICJoin) -> [Int] { join.lost.map(\.count) }

    @Test func tablesAreJoined() throws {
        let folder = try folder()
        let all = try join(folder)
        let table = all.dataset
        #expect(
            table.columns.prefix(7) == [
                "dicom_id", "subject_id", "study_id", "path", "split", "PerformedProcedureStepDescription",
                "ViewPosition",
            ])
        #expect(table.columns.suffix(14) == Pathologies.names[...])
        #expect(all.images == 4 && table.count == 3 && all.unknown == 1)
        #expect(all.lost.map(\.reason) == ["no_split", "split", "view", "no_labels"])
        #expect(counts(all) == [0, 0, 0, 1])
        #expect(try table.cell(0, "path") == "files/p10/p10000032/s50414267/\(Self.image).jpg")
        #expect(try table.imagePath(0) == "\(folder.path)/files/p10/p10000032/s50414267/\(Self.image).jpg")
        #expect(try table.id(0) == Self.image)
        #expect(try table.patientNames() == ["10000032", "10000032", "11000011"])
        #expect(try table.column("split") == ["train", nil, "test"])
        #expect(try table.cell(1, "PerformedProcedureStepDescription") == "CHEST (PA AND LAT), two")
        let first = Pathologies.names[0]
        #expect(try table.withLabel(first, value: 1).count == 2)
        #expect(try table.withLabel(first, value: 0).count == 1)
        #expect(try table.withLabel(Pathologies.names[1], value: nil).count == 3)
        #expect(try join(folder, labels: .negbio).dataset.withLabel(first, value: -1).count == 2)
        let bare = try join(folder, labels: .none)
        #expect(bare.dataset.count == 4 && !bare.dataset.hasLabels)
    }

    @Test func whatIsLostIsCountedOnce() throws {
        let folder = try folder()
        let test = try join(folder, splits: ["test"], views: ["AP", "PA"], labels: .none)
        #expect(try test.dataset.column("dicom_id") == ["d4"])
        // d2 has no split, the first is of another, d3 has no view.
        #expect(counts(test) == [1, 1, 1, 0])
        #expect(try join(folder, splits: ["train", "test"], views: ["PA"]).dataset.count == 1)
        let none = message { _ = try join(folder, splits: ["test"], views: ["pa"]) }
        #expect(
            none.contains("no image is left of 4: 1 by no_split, 1 by split, 2 by view; their views are none 1, AP 1"))
        #expect(message { _ = try join(folder, splits: ["val"]) }.contains("no part \"val\""))
        #expect(message { _ = try join(folder, splits: ["tests"]) }.contains("did you mean \"test\"?"))
    }

    @Test func compressedTablesAreTheSame() throws {
        let folder = try folder()
        let plain = try texts(join(folder).dataset)
        for name in ["metadata", "split", "chexpert"] {
            let file = "\(folder.path)/mimic-cxr-2.0.0-\(name).csv"
            let gzip = Process()
            gzip.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            gzip.arguments = ["gzip", file]
            try gzip.run()
            gzip.waitUntilExit()
            #expect(!FileManager.default.fileExists(atPath: file))
        }
        #expect(try texts(join(folder).dataset) == plain)
    }

    @Test func whatIsMissingIsNamed() throws {
        let folder = try folder()
        for (name, splits) in [("split", ["test"]), ("chexpert", []), ("metadata", [])] {
            unlink("\(folder.path)/mimic-cxr-2.0.0-\(name).csv")
            let text = message { _ = try join(folder, splits: splits) }
            #expect(text.contains("mimic-cxr-2.0.0-\(name).csv.gz: no such file"), "\(text)")
        }
        #expect(
            message { _ = try MIMICTables(folder: folder.path + "/no", labels: .none, needsSplit: false) }.contains(
                "/no"))
    }

    /// Each hostile table is an error that names the file, and the row where there is one.
    @Test(arguments: [
        ("metadata", "d4,11000011,51000002", "d3,11000011,51000002", "row 4: the dicom_id \"d3\" stands in row 3, too"),
        (
            "split", "d4,51000002,11000011,test", "d3,51000001,11000011,train",
            "row 2: the dicom_id \"d3\" stands in row 1, too"
        ),
        (
            "split", "51000002,11000011", "51000003,11000011",
            "row 1: its subject_id and study_id are not those of row 4 of"
        ),
        (
            "chexpert", "11000011,51000001", "10000032,50414267",
            "row 2: the study \"10000032/50414267\" stands in row 1, too"
        ),
        (
            "metadata", "d2,10000032", "../../x,10000032",
            "row 2: dicom_id \"../../x\" is not of letters, digits and hyphens"
        ),
        ("metadata", "d2,10000032", ",10000032", "row 2: dicom_id \"\" is not of letters"),
        ("metadata", "d2,10000032", "d2,p10000032", "row 2: subject_id \"p10000032\" is not of eight digits"),
        (
            "metadata", "d3,11000011,51000001", "d3,11000011,51000001.0",
            "row 3: study_id \"51000001.0\" is not of eight digits"
        ),
        ("metadata", "dicom_id,", "dicom,", "no column \"dicom_id\"; the columns are dicom, "),
        ("split", ",split", ",part", "no column \"split\""),
        ("chexpert", "Atelectasis", "Atelectasys", "no column \"Atelectasis\"; did you mean \"Atelectasys\"?"),
        ("metadata", ",2544,21800626", ",2544", "row 3"),
    ])
    func hostileTables(table: String, old: String, new: String, part: String) throws {
        let folder = try folder()
        let name = "mimic-cxr-2.0.0-\(table).csv"
        let text = try folder.text(name)
        #expect(text.contains(old))
        try folder.write(name, text.replacingOccurrences(of: old, with: new))
        let found = message { _ = try join(folder, splits: ["train", "test"]) }
        #expect(found.hasPrefix("\(folder.path)/\(name): ") && found.contains(part), "\(found)")
    }
}
