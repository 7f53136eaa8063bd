package schema_test

import (
	"fmt"

	"github.com/deltalog/deltalog/txlog/schema"
)

func ExampleMerge() {
	table, err := schema.Parse(`{"type":"struct","fields":[{"name":"id","type":"long","nullable":false,"metadata":{}}]}`)
	if err != nil {
		fmt.Println(err)
		return
	}
	input := &schema.Struct{Fields: []schema.Field{
		{Name: "id", Type: schema.Integer},
		{Name: "kind", Type: schema.String},
	}}
	fmt.Println(schema.CanCast(input, table))
	merged, err := schema.Merge(table, input)
	fmt.Println(merged, err)
	// Output:
	// schema: column kind (string) is not in the table; drop it from the input, or let the schema grow
	// struct<id:bigint not null,kind:string> <nil>
}

func ExamplePartitionKey() {
	names, types := []string{"hour"}, []schema.DataType{schema.Timestamp}
	spark, ours := "2026-01-05 10:00:00", "2026-01-05T10:00:00.000000Z"
	a, _ := schema.PartitionKey(types, map[string]*string{"hour": &spark}, names)
	b, _ := schema.PartitionKey(types, map[string]*string{"hour": &ours}, names)
	fmt.Println(a == b)
	// Output: true
}
