import Datasets
import Files
import Foundation
import TestSupport
import Testing

/// One person under several spellings is one person, and a row without a patient is one of its own.
@Suite struct PatientTests {
    private func table(_ name: String, _ patients: [String?], paths: [String]? = nil) throws -> Dataset {
        let rows = patients.enumerated().map { index, patient in [paths?[index] ?? "\(name)\(index).png", patient] }
        return try Dataset.table(
            name: name, columns: ["path", "subject_id"], rows: rows, imageDirectory: "", image: "path")
    }

    @Test(arguments: [
        ("p10000032", "10000032"), ("P10000032", "10000032"), ("10000032.0", "10000032"), (" 10000032\t", "10000032"),
        ("007", "7"), ("7.", "7"), ("7.00", "7"), ("1.0000032e+07", "10000032"), ("1e+07", "10000000"), ("000", "0"),
        ("1.5e+1", "15"), ("1.0E2", "100"),
        // These may be names: nothing is known of them.
        ("1e5", "1e5"), ("7.5", "7.5"), ("p1", "p1"), ("p100000321", "p100000321"), ("patient00007", "patient00007"),
        ("p1000003x", "p1000003x"), ("-7", "-7"), ("", ""), (".", "."), (".0", ".0"), ("é", "é"),
        ("1.25e+1", "1.25e+1"),
        ("1e+999999999999", "1e+999999999999"),
        ("340282366920938463463374607431768211456", "340282366920938463463374607431768211456"),
    ])
    func spellings(_ text: String, _ name: String) {
        #expect(PatientName.canonical(text) == name)
        #expect(PatientName.canonical(name) == name)
    }

    @Test func patientsInPaths() {
        #expect(PatientName.inPath("files/p10/p10000032/s50414267/a.jpg") == "10000032")
        #expect(PatientName.inPath("p10000032/s50414267.txt") == "10000032")
        for path in [
            "p10/p1000003/s1/a.jpg", "p10000032/a.jpg", "p10000032/sa/a.jpg", "xp10000032/s1/a", "", "p10000032", "/",
            "p10000032/s1x/a",
        ] {
            #expect(PatientName.inPath(path) == nil, "\(path)")
        }
    }

    @Test func namesHaveNoHoles() throws {
        let patients = try table(
            "t", ["10000032.0", nil, nil, "NA"], paths: ["a.png", "p10/p10000032/s1/b.png", "c.png", "d.png"])
        let names = try #require(try patients.patientNames())
        #expect(names[0] == "10000032" && names[1] == "10000032")
        #expect(Set(names).count == 3)
        #expect(try patients.patients()?.unnamed == [2])
        #expect(try table("t", ["1"]).patientNames(pathsOnly: true) == nil)
        #expect(try Dataset.table(name: "t", columns: ["x"], rows: [["1"]]).patientNames() == nil)
        // A row that stands twice is one person; rows of equal tables in memory are not told apart, those of others are.
        let alone = try table("t", [nil, nil])
        #expect(Set(try #require(try alone.select(rows: [0, 0, 1]).patientNames())).count == 2)
        #expect(try alone.shared("subject_id", with: table("t", [nil, "x"])).names.isEmpty)
        #expect(try alone.shared("subject_id", with: alone).names.count == 2)
    }

    @Test func sharedWhateverTheSpelling() throws {
        let train = try table("train", ["p10000030", "10000031.0", "10000032", nil, "A 7"])
        let test = try table("test", ["10000030", "p10000031", nil, " 10000033 ", "A 7 "])
        let shared = try train.shared("subject_id", with: test)
        #expect(shared.names == ["10000030", "10000031", "A 7"] && shared.first == 5 && shared.second == 5)
    }

    @Test func whatNobodyCanTellIsRefused() throws {
        let numbers = try table("numbers", ["1", "7"])
        let names = try table("names", ["patient00001", "patient00009"])
        for (a, b) in [(numbers, names), (names, numbers)] {
            let text = message { _ = try a.shared("subject_id", with: b) }
            #expect(text.contains("\"1\" (numbers: row 1) and \"patient00001\" (names: row 1) may be one patient"))
        }
        #expect(message { _ = try numbers.concat(names).split(test: .count(1), seed: 0, by: "subject_id") } != "")
        // Numbers of other people, and names with numbers of two hospitals, are clear.
        #expect(try table("a", ["2", "3"]).shared("subject_id", with: names).names.isEmpty)
        #expect(try table("a", ["siteA_7"]).shared("subject_id", with: table("b", ["siteB_7"])).names.isEmpty)
    }

    @Test func splitsKeepAPatientTogether() throws {
        let people = ["p10000030", "10000030", "10000030.0", "10000031", "10000032", nil, nil]
        let table = try table("t", people)
        let groups = try table.groups(by: "subject_id")
        #expect(groups.names.count == 5 && Set(groups.indexes[0...2]).count == 1)
        for seed in 0..<20 {
            let split = try table.split(test: .fraction(0.4), seed: seed, by: "subject_id")
            #expect(try split.train.shared("subject_id", with: split.test).names.isEmpty)
            #expect(split.train.count + split.test.count == people.count)
        }
        // pandas reads a column of floats as numbers, which it sorts by value.
        #expect(try self.table("t", ["10.0", "9.0", "2"]).groups(by: "subject_id").names == ["2", "9", "10"])
    }

    @Test func filmsOnBothSides() throws {
        let scratch = try Scratch()
        try scratch.write("a.png", "one film")
        try scratch.write("b.png", "two film")
        try scratch.write("same.png", "one film")
        try scratch.write("longer.png", "one film and more")
        symlink("b.png", scratch.path + "/link.png")
        func films(_ names: String?...) throws -> Dataset {
            try Dataset.table(
                name: "t", columns: ["path"], rows: names.map { [$0] }, imageDirectory: scratch.path, image: "path")
        }
        let here = try films("a.png", "b.png", "missing.png")
        func shared(_ other: Dataset) throws -> [String] {
            try here.sharedFilms(with: other).map { film in
                [film.path, film.otherPath].map { String($0.dropFirst(scratch.path.count + 1)) }.joined(separator: "=")
            }
        }
        #expect(try shared(films("longer.png", "missing.png")).isEmpty)
        #expect(try shared(films("same.png", "longer.png", "link.png")) == ["a.png=same.png", "b.png=link.png"])
        #expect(try shared(films("./a.png")) == ["a.png=./a.png"])
        // Rows without a film share none.
        #expect(try shared(films(nil, "a.png", nil)) == ["a.png=a.png"])
        #expect(try films(nil, "b.png").sharedFilms(with: films(nil)).isEmpty)
        #expect(message { _ = try here.sharedFilms(with: .table(name: "t", columns: ["x"], rows: [["1"]])) } != "")
    }
}
