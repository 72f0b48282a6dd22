import Radiomics
import Testing

@Suite struct RadiomicsTableTests {
    @Test func tablesThatDoNotFitAreRefused() throws {
        let table = try RadiomicsTable(names: ["a"], paths: ["x", "y"], values: [1, 2])
        #expect(throws: RadiomicsError.self) { try RadiomicsTable(names: ["a", "a"], paths: [], values: []) }
        #expect(throws: RadiomicsError.self) { try table.rows([2]) }
        #expect(try table.rows([1, 0]).values == [2, 1])
    }

    @Test func textColumnsOfPyradiomicsAreLeftOut() throws {
        let columns: [(name: String, cells: [String?])] = [
            ("Image", ["a.png", "b.png"]), ("diagnostics_Versions_PyRadiomics", ["3.0.1", "3.0.1"]),
            ("diagnostics_Image-original_Mean", ["1.5", "2"]), ("original_firstorder_Mean", ["1e-3", ""]),
        ]
        // The index of a table that pandas wrote is no feature.
        let table = try RadiomicsTable(columns: [("Unnamed: 0", ["0", "1"])] + columns, name: "t.csv")
        #expect(table.names == ["diagnostics_Image-original_Mean", "original_firstorder_Mean"])
        #expect(table.paths == ["a.png", "b.png"] && table.values[3].isNaN)
        #expect(throws: RadiomicsError.self) { try RadiomicsTable(columns: Array(columns.prefix(3)), name: "t.csv") }
        #expect(table.csv().hasPrefix("image_path,diagnostics_Image-original_Mean"))
        let named = try RadiomicsTable(columns: [("Unnamed: 0", ["x", "y"])] + columns.dropFirst(), name: "t.csv")
        #expect(named.paths == ["x", "y"] && named.names == table.names)
    }
}
