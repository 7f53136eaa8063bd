package txlog

import "errors"

func (d *decoder) setTransaction() *SetTransaction {
	a := new(SetTransaction)
	var set seen
	d.open('{')
	for d.more('}') {
		k := d.field()
		if d.absent(&set, txnFields, k) {
			continue
		}
		switch k {
		case "appId":
			d.once(&set, 0)
			a.AppID = d.text()
		case "version":
			d.once(&set, 1)
			a.Version = d.integer()
		case "lastUpdated":
			d.once(&set, 2)
			a.LastUpdated = d.integerPtr()
		default:
			d.skip(0)
		}
	}
	d.require(set, 0b11, txnFields)
	return a
}

func (d *decoder) domainMetadata() *DomainMetadata {
	a := new(DomainMetadata)
	var set seen
	d.open('{')
	for d.more('}') {
		k := d.field()
		if d.absent(&set, domainFields, k) {
			continue
		}
		switch k {
		case "domain":
			d.once(&set, 0)
			a.Domain = d.text()
		case "configuration":
			d.once(&set, 1)
			a.Configuration = d.text()
		case "removed":
			d.once(&set, 2)
			a.Removed = d.boolean()
		default:
			d.skip(0)
		}
	}
	d.require(set, 0b101, domainFields)
	return a
}

func (d *decoder) protocol() *Protocol {
	a := new(Protocol)
	var set seen
	d.open('{')
	for d.more('}') {
		k := d.field()
		if d.absent(&set, protocolFields, k) {
			continue
		}
		switch k {
		case "minReaderVersion":
			d.once(&set, 0)
			a.MinReaderVersion = int(d.integer32())
		case "minWriterVersion":
			d.once(&set, 1)
			a.MinWriterVersion = int(d.integer32())
		case "readerFeatures":
			d.once(&set, 2)
			a.ReaderFeatures = d.features()
		case "writerFeatures":
			d.once(&set, 3)
			a.WriterFeatures = d.features()
		default:
			d.skip(0)
		}
	}
	d.require(set, 0b11, protocolFields)
	return a
}

func (d *decoder) features() []Feature {
	fs := []Feature{}
	d.open('[')
	for d.more(']') {
		fs = append(fs, Feature(d.text()))
	}
	return fs
}

func (d *decoder) metadata() *Metadata {
	a := new(Metadata)
	var set seen
	d.open('{')
	for d.more('}') {
		k := d.field()
		if d.absent(&set, metadataFields, k) {
			continue
		}
		switch k {
		case "id":
			d.once(&set, 0)
			a.ID = d.text()
		case "format":
			d.once(&set, 1)
			a.Format = d.format()
		case "schemaString":
			d.once(&set, 2)
			a.SchemaString = d.text()
		case "partitionColumns":
			d.once(&set, 3)
			a.PartitionColumns = d.textList()
		case "configuration":
			d.once(&set, 4)
			a.Configuration = d.texts()
		case "name":
			d.once(&set, 5)
			a.Name = d.text()
		case "description":
			d.once(&set, 6)
			a.Description = d.text()
		case "createdTime":
			d.once(&set, 7)
			a.CreatedTime = d.integerPtr()
		default:
			d.skip(0)
		}
	}
	d.require(set, 0b1001, metadataFields) // Spark leaves schemaString out of a table without columns
	if set.got&0b10 == 0 {
		a.Format.Provider = "parquet"
	}
	return a
}

func (d *decoder) format() Format {
	var f Format
	var set seen
	d.open('{')
	for d.more('}') {
		k := d.field()
		if d.absent(&set, formatFields, k) {
			continue
		}
		switch k {
		case "provider":
			d.once(&set, 0)
			f.Provider = d.text()
		case "options":
			d.once(&set, 1)
			f.Options = d.texts()
		default:
			d.skip(0)
		}
	}
	d.require(set, 0b1, formatFields)
	return f
}

func (d *decoder) checkpointMetadata() *CheckpointMetadata {
	a := new(CheckpointMetadata)
	var set seen
	d.open('{')
	for d.more('}') {
		k := d.field()
		if d.absent(&set, checkpointFields, k) {
			continue
		}
		switch k {
		case "version":
			d.once(&set, 0)
			a.Version = Version(d.natural())
		case "tags":
			d.once(&set, 1)
			a.Tags = d.texts()
		default:
			d.skip(0)
		}
	}
	d.require(set, 0b1, checkpointFields)
	return a
}

func (d *decoder) sidecar() *Sidecar {
	a := new(Sidecar)
	var set seen
	d.open('{')
	for d.more('}') {
		k := d.field()
		if d.absent(&set, sidecarFields, k) {
			continue
		}
		switch k {
		case "path":
			d.once(&set, 0)
			a.Path = d.path()
		case "sizeInBytes":
			d.once(&set, 1)
			a.SizeInBytes = d.natural()
		case "modificationTime":
			d.once(&set, 2)
			a.ModificationTime = d.integer()
		case "tags":
			d.once(&set, 3)
			a.Tags = d.texts()
		default:
			d.skip(0)
		}
	}
	d.require(set, 0b11, sidecarFields)
	return a
}

func (d *decoder) deletionVector() *DVDescriptor {
	a := new(DVDescriptor)
	var set seen
	d.open('{')
	for d.more('}') {
		k := d.field()
		if d.absent(&set, dvFields, k) {
			continue
		}
		switch k {
		case "storageType":
			d.once(&set, 0)
			a.StorageType = d.text()
		case "pathOrInlineDv":
			d.once(&set, 1)
			a.PathOrInlineDV = d.text()
		case "sizeInBytes":
			d.once(&set, 2)
			a.SizeInBytes = d.integer32()
		case "cardinality":
			d.once(&set, 3)
			a.Cardinality = d.natural()
		case "offset":
			d.once(&set, 4)
			n := d.integer32()
			a.Offset = &n
		case "maxRowIndex":
			d.once(&set, 5)
			a.MaxRowIndex = d.integerPtr()
		default:
			d.skip(0)
		}
	}
	d.require(set, 0b1111, dvFields)
	if d.err == nil && (a.SizeInBytes < 0 || a.Offset != nil && *a.Offset < 0) {
		d.fail(errors.New("a deletion vector's size or offset is negative"))
	}
	return a
}
