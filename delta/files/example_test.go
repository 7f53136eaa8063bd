package files_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/deltalog/deltalog/delta"
	"github.com/deltalog/deltalog/delta/files"
)

// A Source is what the writes of package delta take.
var _ delta.Repeatable = (*files.Source)(nil)

func ExampleOpen() {
	ctx := context.Background()
	csv := "id,delay,carrier\n1,5,UA\n2,NA,\"\"\n"
	src, err := files.Open(ctx, []string{"-"}, &files.Options{
		Format: files.CSV, Null: []string{"NA"}, Stdin: strings.NewReader(csv),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer src.Close()
	out, err := files.NewWriter(os.Stdout, files.NDJSON, src.Schema(), nil)
	if err != nil {
		log.Fatal(err)
	}
	for rec, err := range src.Batches(ctx) {
		if err == nil {
			err = out.Write(rec)
		}
		if err != nil {
			log.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		log.Fatal(err)
	}
	// Output:
	// {"id":1,"delay":5,"carrier":"UA"}
	// {"id":2,"delay":null,"carrier":""}
}

func ExampleInputError() {
	ctx := context.Background()
	src, err := files.Open(ctx, []string{"-"}, &files.Options{
		Format: files.NDJSON, Stdin: strings.NewReader("{\"id\":1}\n{\"id\":2,\"id\":3}\n"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer src.Close()
	// Output:
	// stdin, line 2: the key "id" is there twice: duplicate object member name
}
